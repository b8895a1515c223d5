package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/files"
)

func newLintCommand() *cobra.Command {
	var operator operatorFlags
	var output outputFlag
	command := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check policy documents: mistakes, and what is worth a second look",
		Long: `Check policy documents as one union: mistakes, and what is worth a second look.

Warnings alone are no failure. Exit codes: 0 no mistake, 1 mistakes, 2 a file
could not be read.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.validate(); err != nil {
				return err
			}
			settings, err := operator.load()
			if err != nil {
				return err
			}
			problems, err := lint(cmd.InOrStdin(), args, settings.PolicySettings())
			if err != nil {
				return err
			}
			return tellProblems(cmd.OutOrStdout(), output.format, problems)
		},
	}
	operator.add(command)
	output.add(command, outputText, outputJSON)
	return command
}

// lint is every mistake of the files. Those that do not even parse keep the
// others from being reviewed: the union is not whole.
func lint(stdin io.Reader, paths []string, settings policy.Settings) (policy.Problems, error) {
	documents, err := files.Load(stdin, paths...)
	problems, err := problemsOf(err)
	if err != nil {
		return nil, err
	}
	linted := policy.Lint(documents, settings)
	if len(problems) > 0 {
		linted = linted.Errors()
	}
	return append(problems, linted...), nil
}

func tellProblems(out io.Writer, format string, problems policy.Problems) error {
	if format == outputJSON {
		// An empty list, and not null.
		if err := printJSON(out, append(policy.Problems{}, problems...)); err != nil {
			return err
		}
	} else if len(problems) > 0 {
		if _, err := fmt.Fprintln(out, problems.Error()); err != nil {
			return err
		}
	}
	if problems.Err() != nil {
		return errFound
	}
	return nil
}
