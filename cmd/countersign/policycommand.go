package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

func newPolicyCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "policy",
		Short: "Write, test and review policy",
		Long: `Write, test and review policy.

Policy is read from files: raw AccessPolicy documents or ConfigMap manifests
that hold them, in a file, a directory, or "-" for standard input. No cluster is
asked, except with --live.

Exit codes: 0 good, 1 something was found, 2 the input could not be used.`,
	}
	command.AddCommand(newLintCommand())
	command.AddCommand(newPolicyTestCommand(), newExplainCommand(), newDiffCommand(), newVaultCommand())
	return command
}

// operatorFlags are the operator's part of a decision, offline.
type operatorFlags struct{ settingsFile string }

func (f *operatorFlags) add(command *cobra.Command) {
	command.Flags().StringVar(&f.settingsFile, "settings", "",
		"settings file of the process (settings.yaml of its ConfigMap); left out: one Vault, auth mount kubernetes, no default role, Enforce")
}

// unknownVault is the address where none is given: who dials nothing needs none.
const unknownVault = "https://vault.invalid"

func (f *operatorFlags) load() (*config.Settings, error) {
	if f.settingsFile == "" {
		return config.ParseSettings([]byte("{apiVersion: countersign.dev/v1alpha1, kind: Settings, vaults: {default: {address: " + unknownVault + "}}}"))
	}
	return config.LoadSettings(f.settingsFile)
}

// problemsOf tells mistakes of the input from what kept it from being read.
func problemsOf(err error) (policy.Problems, error) {
	if problems, ok := errors.AsType[policy.Problems](err); ok {
		return problems, nil
	}
	return nil, err
}
