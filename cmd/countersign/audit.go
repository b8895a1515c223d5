package main

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/countersign/countersign/policy"
)

func newAuditCommand() *cobra.Command {
	options := &auditOptions{}
	command := &cobra.Command{
		Use:   "audit",
		Short: "Judge every ExternalSecret of a cluster, worst first",
		Long: `Judge every ExternalSecret of a cluster by the policy in its policy ConfigMaps,
worst first, and where External Secrets Operator is guarded all its objects that
reach Vault. With --policy and --objects, those of files; what refers to a store
is judged with the stores that are given.

Exit codes: 0 nothing is denied, 1 something is, 2 it could not be judged.`,
		Example: `  countersign audit
  countersign audit -n team-a -o json
  countersign audit --policy policy/ --objects manifests/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.output.validate(); err != nil {
				return err
			}
			audited, err := options.audit(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return tellAudit(cmd.OutOrStdout(), options.output.format, audited)
		},
	}
	options.add(command)
	return command
}

type auditOptions struct {
	sceneFlags

	output    outputFlag
	namespace string
	paths     []string
}

func (o *auditOptions) add(command *cobra.Command) {
	o.sceneFlags.add(command)
	o.output.add(command, outputText, outputJSON, outputJUnit)
	flags := command.Flags()
	flags.StringVarP(&o.namespace, "namespace", "n", "", "only this namespace")
	flags.StringArrayVar(&o.paths, flagObjects, nil, `file, directory or "-" with ExternalSecrets, their stores, and Namespaces for their labels; may be repeated`)
	completeNothing(command, "namespace")
	command.MarkFlagsRequiredTogether(flagPolicy, flagObjects)
}

// audit is what is judged, worst first.
type audit struct {
	policy *policy.Policy
	all    []judged
}

func (o *auditOptions) audit(ctx context.Context, stdin io.Reader, notes io.Writer) (*audit, error) {
	s, found, err := o.collect(ctx, stdin)
	if err != nil {
		return nil, err
	}
	found.tellMissing(notes)
	all := found.judgeAll(s.policy)
	slices.SortStableFunc(all, func(a, b judged) int {
		return cmp.Or(a.Verdict.Outcome().Compare(b.Verdict.Outcome()), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	return &audit{s.policy, all}, nil
}

func (o *auditOptions) collect(ctx context.Context, stdin io.Reader) (*scene, *subjects, error) {
	if len(o.paths) == 0 {
		s, err := o.live(ctx)
		if err != nil {
			return nil, nil, err
		}
		found, err := s.subjects(ctx, o.namespace)
		return s, found, err
	}
	s, err := o.offline(stdin)
	if err != nil {
		return nil, nil, err
	}
	found, err := (&reading{scene: s, namespace: o.namespace}).files(ctx, stdin, o.paths...)
	if err == nil && o.namespace != "" {
		found.objects = slices.DeleteFunc(found.objects, func(one object) bool { return one.namespace != o.namespace })
	}
	return s, found, err
}

// counts are by outcome.
func (a *audit) counts() map[policy.Outcome]int {
	counts := map[policy.Outcome]int{}
	for _, outcome := range policy.Outcomes() {
		counts[outcome] = 0
	}
	for i := range a.all {
		counts[a.all[i].Verdict.Outcome()]++
	}
	return counts
}
