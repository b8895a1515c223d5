package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/countersign/countersign/policy"
)

func newDiffCommand() *cobra.Command {
	options := &diffOptions{}
	command := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show whose verdict a change of policy changes",
		Long: `Show whose verdict a change of policy changes: of the ExternalSecrets of files,
or with --live of a cluster. With --live, OLD may be left out: it is then the
policy that stands in the cluster.

Exit codes: 0 nobody's, 1 somebody's, 2 the input could not be used.`,
		Example: `  countersign policy diff old/ new/ --objects manifests/
  countersign policy diff --live new/`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := options.validate(args); err != nil {
				return err
			}
			changes, err := options.diff(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), args)
			if err != nil {
				return err
			}
			return tellChanges(cmd.OutOrStdout(), options.output.format, changes)
		},
	}
	options.add(command)
	return command
}

type diffOptions struct {
	settingsFlags

	output   outputFlag
	fromLive bool
	paths    []string
}

func (o *diffOptions) add(command *cobra.Command) {
	o.settingsFlags.add(command)
	o.output.add(command, outputText, outputJSON)
	command.Flags().BoolVar(&o.fromLive, flagLive, false, "judge the objects of the cluster, with its settings")
	command.Flags().StringArrayVar(&o.paths, flagObjects, nil, `file, directory or "-" with ExternalSecrets, their stores, and Namespaces for their labels; may be repeated`)
	command.MarkFlagsOneRequired(flagObjects, flagLive)
	command.MarkFlagsMutuallyExclusive(flagObjects, flagLive)
	o.exclude(command, flagObjects)
}

func (o *diffOptions) validate(args []string) error {
	if len(args) < 2 && !o.fromLive {
		return fmt.Errorf("name the old policy and the new one; with --%s the old one may be left out", flagLive)
	}
	return o.output.validate()
}

// diff compares what two policies say.
func (o *diffOptions) diff(ctx context.Context, stdin io.Reader, notes io.Writer, args []string) (*changes, error) {
	s, asked, err := o.subjects(ctx, stdin)
	if err != nil {
		return nil, err
	}
	asked.tellMissing(notes)
	after, err := compileFiles(stdin, s.settings, args[len(args)-1])
	if err != nil {
		return nil, err
	}
	before, err := o.before(ctx, stdin, s, args)
	if err != nil {
		return nil, err
	}
	found := &changes{before: before, after: after, unchanged: len(asked.objects)}
	for _, one := range asked.objects {
		found.add(change{object: one, before: asked.judge(before, one), after: asked.judge(after, one)})
	}
	found.sort()
	return found, nil
}

// before is the old policy: the cluster's where none is named.
func (*diffOptions) before(ctx context.Context, stdin io.Reader, s *scene, args []string) (*policy.Policy, error) {
	if len(args) == 1 {
		return s.cluster.compile(ctx, s.settings)
	}
	return compileFiles(stdin, s.settings, args[0])
}

// subjects are whose verdicts are compared.
func (o *diffOptions) subjects(ctx context.Context, stdin io.Reader) (*scene, *subjects, error) {
	if !o.fromLive {
		settings, err := o.load()
		if err != nil {
			return nil, nil, err
		}
		s := &scene{settings: settings}
		found, err := (&reading{scene: s}).files(ctx, stdin, o.paths...)
		return s, found, err
	}
	s, err := o.connected(ctx)
	if err != nil {
		return nil, nil, err
	}
	found, err := s.subjects(ctx, "")
	return s, found, err
}
