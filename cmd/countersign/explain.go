package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/countersign/countersign/policy"
)

func newExplainCommand() *cobra.Command {
	options := &explainOptions{}
	command := &cobra.Command{
		Use:   "explain",
		Short: "Show, for one request or manifest, which part of which rule matches",
		Long: `Show, for one request or manifest, every rule of the namespace and which part
of it matches, and the verdict.

Exit codes: 0 allowed, 1 denied, 2 the input could not be used.`,
		Example: `  countersign policy explain --policy policy.yaml -n team-a --path secret/data/team-a/db --role reader
  countersign policy explain --live -f external-secret.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.validate(); err != nil {
				return err
			}
			explained, err := options.explain(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return tellExplained(cmd.OutOrStdout(), options.output.format, explained)
		},
	}
	options.add(command)
	return command
}

type explainOptions struct {
	sceneFlags

	output    outputFlag
	fromLive  bool
	namespace string
	labels    map[string]string
	filenames []string
	request   policy.Request
}

const (
	flagFilename = "filename"
	flagPath     = "path"

	flagSubtree   = "subtree"
	flagOperation = "operation"
)

func (o *explainOptions) add(command *cobra.Command) {
	o.sceneFlags.add(command)
	o.output.add(command, outputText, outputJSON)
	flags := command.Flags()
	flags.BoolVar(&o.fromLive, flagLive, false, "take policy, settings and the namespace's labels from the cluster")
	flags.StringVarP(&o.namespace, "namespace", "n", "", "namespace of the request, and of a manifest that names none")
	flags.StringToStringVar(&o.labels, "namespace-labels", nil, "labels of that namespace, offline")
	flags.StringArrayVarP(&o.filenames, flagFilename, "f", nil, `file, directory or "-" with ExternalSecrets or AdmissionReviews, their stores, and Namespaces for their labels`)
	flags.StringVar(&o.request.Path, flagPath, "", "full Vault API path")
	flags.BoolVar(&o.request.Subtree, flagSubtree, false, "ask for everything below the path")
	flags.StringVar((*string)(&o.request.Operation), flagOperation, string(policy.OperationRead), "what is done with the path: read or write")
	requestFlags := map[string]*string{
		"role": &o.request.Role, "auth-mount": &o.request.AuthMount, "auth-method": &o.request.AuthMethod,
		"vault": &o.request.Vault, "vault-namespace": &o.request.VaultNamespace, "service-account": &o.request.ServiceAccount,
		"service-account-namespace": &o.request.ServiceAccountNamespace,
	}
	for _, name := range slices.Sorted(maps.Keys(requestFlags)) {
		flags.StringVar(requestFlags[name], name, "", "of the request; left out, the operator's default, if any")
		command.MarkFlagsMutuallyExclusive(flagFilename, name)
		completeNothing(command, name)
	}
	command.MarkFlagsMutuallyExclusive(flagFilename, flagSubtree)
	command.MarkFlagsMutuallyExclusive(flagFilename, flagOperation)
	completeNothing(command, "namespace", "namespace-labels", flagPath, flagOperation)
	command.MarkFlagsOneRequired(flagPolicy, flagLive)
	command.MarkFlagsMutuallyExclusive(flagPolicy, flagLive)
	command.MarkFlagsMutuallyExclusive("namespace-labels", flagLive)
	command.MarkFlagsOneRequired(flagFilename, flagPath)
	command.MarkFlagsMutuallyExclusive(flagFilename, flagPath)
}

func (o *explainOptions) validate() error {
	if o.request.Path != "" && o.namespace == "" {
		return errors.New("--namespace: name the namespace of the request")
	}
	if !o.request.Operation.Valid() {
		return errors.New("--operation: give read or write")
	}
	return o.output.validate()
}

// explained is an answer with how each rule compares with each read.
type explained struct {
	judged

	reads []explainedRead
}

type explainedRead struct {
	policy.Read

	// namespace is where it is asked: an object of the whole cluster asks in
	// several.
	namespace string
	rules     []policy.Explanation
}

func (o *explainOptions) explain(ctx context.Context, stdin io.Reader, notes io.Writer) ([]explained, error) {
	s, err := o.scene(ctx, stdin)
	if err != nil {
		return nil, err
	}
	found, err := o.subjects(ctx, stdin, s)
	if err != nil {
		return nil, err
	}
	found.tellMissing(notes)
	if s.cluster != nil {
		if found.labels, err = s.cluster.labels(ctx, found.namespaces()...); err != nil {
			return nil, err
		}
	}
	var all []explained
	for _, one := range found.judgeAll(s.policy) {
		e := explained{judged: one}
		for _, asked := range one.asked {
			e.reads = append(e.reads, explainReads(s.policy, asked.Claim, found.labels.of(asked.Claim.Namespace))...)
		}
		all = append(all, e)
	}
	return all, nil
}

func explainReads(p *policy.Policy, claim *policy.Claim, labels map[string]string) []explainedRead {
	reads := make([]explainedRead, len(claim.Reads))
	for i, read := range claim.Reads {
		reads[i] = explainedRead{Read: read, namespace: claim.Namespace}
		// Other paths match no rule, whatever they look like.
		if read.Problem() == "" {
			reads[i].rules = p.Explain(claim, i, labels)
		}
	}
	return reads
}

func (o *explainOptions) scene(ctx context.Context, stdin io.Reader) (*scene, error) {
	if o.fromLive {
		return o.live(ctx)
	}
	return o.offline(stdin)
}

// subjects are one without a name for a request.
func (o *explainOptions) subjects(ctx context.Context, stdin io.Reader, s *scene) (*subjects, error) {
	if o.request.Path != "" {
		asked := policy.Asked{Claim: claimOf(&o.request, o.namespace, s.settings)}
		return &subjects{
			objects: []object{{namespace: o.namespace, asked: []policy.Asked{asked}}},
			labels:  namespaceLabels{o.namespace: o.labels},
		}, nil
	}
	found, err := (&reading{scene: s, namespace: o.namespace}).files(ctx, stdin, o.filenames...)
	if err == nil && o.labels != nil {
		found.labels[o.namespace] = o.labels
	}
	return found, err
}

// namespaces are those where anything is asked.
func (s *subjects) namespaces() []string {
	names := map[string]bool{}
	for _, o := range s.objects {
		for _, one := range o.asked {
			names[one.Claim.Namespace] = true
		}
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}
