package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

func newResyncCommand() *cobra.Command {
	options := &resyncOptions{}
	command := &cobra.Command{
		Use:   "resync [NAME...]",
		Short: "Have the values of ExternalSecrets read again",
		Long: `Have the values of ExternalSecrets read again: each that is selected gets a new
value of the annotation countersign.dev/resync, and Vault is read once for it.
Those of External Secrets Operator are read by whom their store's class names.

Select by name, namespace, label, or by what is asked of Vault; all that is given
has to hold. Without a namespace those of all namespaces are looked at.

Exit codes: 0 good, 1 some have failed or were late, 2 nothing is selected or
could be done.`,
		Example: `  countersign resync --path 'kubernetes/data/db/*' --wait
  countersign resync -n team-a app db
  countersign resync -A --role reader --rate 5 --dry-run`,
		RunE: func(cmd *cobra.Command, names []string) error {
			options.names = names
			if err := options.validate(); err != nil {
				return err
			}
			return options.resync(cmd.Context(), newTeller(cmd.OutOrStdout(), cmd.ErrOrStderr()))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	options.add(command)
	return command
}

type resyncOptions struct {
	settingsFlags

	names     []string
	namespace string
	all       bool
	labels    string
	path      string
	role      string

	value   string
	rate    float64
	dryRun  bool
	wait    bool
	timeout time.Duration
}

func (o *resyncOptions) add(command *cobra.Command) {
	o.settingsFlags.add(command)
	flags := command.Flags()
	flags.StringVarP(&o.namespace, "namespace", "n", "", "only this namespace")
	flags.BoolVarP(&o.all, "all-namespaces", "A", false, "all namespaces; said alone, every ExternalSecret")
	flags.StringVarP(&o.labels, "selector", "l", "", "only those with these labels, as in kubectl")
	flags.StringVar(&o.path, flagPath, "", `only those that read a path of this pattern, in the language of policy: "+" is one segment, a final "*" one or more`)
	flags.StringVar(&o.role, "role", "", "only those that log in with this role; the operator's default counts")
	flags.StringVar(&o.value, "value", "", "value of the annotation; left out, the time")
	flags.Float64Var(&o.rate, "rate", 20, "highest number of ExternalSecrets a second")
	flags.BoolVar(&o.dryRun, "dry-run", false, "only print what would be annotated")
	flags.BoolVar(&o.wait, "wait", false, "wait until each has been read again, and tell which have failed and why")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "how long to wait after the last was annotated")
	command.MarkFlagsMutuallyExclusive("namespace", "all-namespaces")
	command.MarkFlagsMutuallyExclusive("dry-run", "wait")
	completeNothing(command, "namespace", "selector", flagPath, "role", "value", "rate", "timeout")
}

func (o *resyncOptions) validate() error {
	var errs []error
	check := func(wrong bool, message string) {
		if wrong {
			errs = append(errs, errors.New(message))
		}
	}
	byContent := o.labels != "" || o.path != "" || o.role != ""
	check(len(o.names) == 0 && o.namespace == "" && !o.all && !byContent,
		"select by name, --namespace, --selector, --path or --role; every ExternalSecret of the cluster is -A")
	check(len(o.names) > 0 && o.namespace == "", "--namespace: name the namespace of "+firstOf(o.names))
	check(len(o.names) > 0 && byContent, "names and --selector, --path or --role exclude each other")
	check(o.rate <= 0, "--rate: want more than 0 a second")
	check(len(o.value) > api.MaxResyncBytes, fmt.Sprintf("--value: want at most %d bytes; a commit hash or a timestamp will do", api.MaxResyncBytes))
	if o.path != "" {
		problem := policy.PatternProblem(o.path)
		check(problem != "", fmt.Sprintf("--path %q: %s", o.path, problem))
	}
	return errors.Join(errs...)
}

func firstOf(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func (o *resyncOptions) resync(ctx context.Context, t *teller) error {
	chosen, err := o.selection()
	if err != nil {
		return err
	}
	connected, err := o.connectFor(ctx, chosen)
	if err != nil {
		return err
	}
	found, err := connected.targets(ctx, chosen)
	if err != nil {
		return err
	}
	t.tellForbidden(found.forbidden)
	if o.dryRun {
		return t.tellDryRun(found.all)
	}
	return o.run(ctx, &resync{cluster: connected, teller: t, value: o.valueOr(time.Now())}, found.all)
}

func (o *resyncOptions) selection() (*selection, error) {
	selector, err := labels.Parse(o.labels)
	if err != nil {
		return nil, fmt.Errorf("--selector %q: %w", o.labels, err)
	}
	return &selection{names: o.names, namespace: o.namespace, labels: selector, path: o.path, role: o.role}, nil
}

// connectFor asks for the operator's settings only where they matter, for a
// default or a Vault: not everyone may read them.
func (o *resyncOptions) connectFor(ctx context.Context, chosen *selection) (*cluster, error) {
	scene := sync.OnceValues(func() (*scene, error) { return o.connected(ctx) })
	around := sync.OnceValues(func() (api.Surroundings, error) {
		s, err := scene()
		if err != nil {
			return nil, err
		}
		judge, err := s.guardedJudge(ctx)
		if err != nil {
			return nil, err
		}
		return api.Remember(judge.Surroundings()), nil
	})
	chosen.claims = func(ctx context.Context, object api.Guarded) ([]*policy.Claim, error) {
		around, err := around()
		if err != nil {
			return nil, err
		}
		return object.Claims(ctx, around)
	}
	chosen.syncs = syncsIn(around)
	if chosen.role == "" {
		return o.connect()
	}
	s, err := scene()
	if err != nil {
		return nil, err
	}
	chosen.defaults = s.settings.Defaults()
	return s.cluster, nil
}

// valueOr is a value that nobody has used before, where none is given.
func (o *resyncOptions) valueOr(now time.Time) string {
	if o.value != "" {
		return o.value
	}
	return now.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func (o *resyncOptions) run(ctx context.Context, r *resync, targets []target) error {
	r.teller.begin(len(targets), r.value)
	annotated, err := r.annotateAll(ctx, targets, o.rate, o.wait)
	if err == nil && o.wait && len(annotated) > 0 {
		err = r.wait(ctx, annotated, o.namespace, o.timeout)
	}
	if err != nil {
		return err
	}
	return r.teller.end()
}
