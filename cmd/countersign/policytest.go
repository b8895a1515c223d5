package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/files"
)

func newPolicyTestCommand() *cobra.Command {
	var operator operatorFlags
	var output outputFlag
	command := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run suites of cases against policy",
		Long: `Run suites of cases (kind PolicyTest) against the policy that they name.

Exit codes: 0 all passed, 1 some failed, 2 a file could not be used.`,
		Example: `  countersign policy test policy-test.yaml
  countersign policy test -o junit tests/ > report.xml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.validate(); err != nil {
				return err
			}
			settings, err := operator.load()
			if err != nil {
				return err
			}
			suites, err := loadSuites(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			results, err := runSuites(cmd.Context(), suites, settings)
			if err != nil {
				return err
			}
			return tellResults(cmd.OutOrStdout(), output.format, results)
		},
	}
	operator.add(command)
	output.add(command, outputText, outputJSON, outputJUnit)
	return command
}

// suiteFile is a suite and the file that it stands in.
type suiteFile struct {
	*policy.Suite

	file string
}

// loadSuites finds the suites of each path, which has to hold one.
func loadSuites(stdin io.Reader, paths []string) ([]suiteFile, error) {
	var suites []suiteFile
	var problems policy.Problems
	for _, path := range paths {
		parts, err := files.Parts(stdin, path)
		if err != nil {
			return nil, err
		}
		before := len(suites) + len(problems)
		for _, part := range parts {
			if !isSuite(part) {
				continue
			}
			suite, err := policy.ParseSuite(policy.Origin{File: part.File, Line: part.Line}, part.Text)
			if wrong, ok := errors.AsType[policy.Problems](err); ok {
				problems = append(problems, wrong...)
				continue
			}
			suites = append(suites, suiteFile{suite, part.File})
		}
		if len(suites)+len(problems) == before {
			return nil, fmt.Errorf("%s: no %s in it", path, policy.SuiteKind)
		}
	}
	return suites, problems.Err()
}

// isSuite is true for what is not YAML, too: ParseSuite says why.
func isSuite(part files.Part) bool {
	kind, err := part.Kind()
	return kind == policy.SuiteKind || err != nil
}

func runSuites(ctx context.Context, suites []suiteFile, settings *config.Settings) ([]policy.CaseResult, error) {
	var results []policy.CaseResult
	for _, suite := range suites {
		some, err := suite.run(ctx, settings)
		if err != nil {
			return nil, err
		}
		results = append(results, some...)
	}
	return results, nil
}

func (s *suiteFile) run(ctx context.Context, operator *config.Settings) ([]policy.CaseResult, error) {
	settings := s.settings(operator)
	documents, err := s.documents()
	if err != nil {
		return nil, err
	}
	compiled, err := policy.Compile(documents, settings.PolicySettings())
	if err != nil {
		return nil, err
	}
	return s.Run(compiled, func(c *policy.Case) ([]policy.Asked, error) { return s.asked(ctx, c, settings) })
}

// settings are the operator's, with what the suite says of its own.
func (s *suiteFile) settings(operator *config.Settings) *config.Settings {
	settings := *operator
	settings.Enforcement.Default = cmp.Or(s.Settings.Enforcement.Default, operator.Enforcement.Default)
	if s.Settings.Enforcement.Namespaces != nil {
		settings.Enforcement.Namespaces = s.Settings.Enforcement.Namespaces
	}
	settings.MaxPaths = cmp.Or(s.Settings.MaxPaths, operator.MaxPaths)
	settings.Vaults = maps.Clone(operator.Vaults)
	for name, said := range s.Settings.Vaults {
		vault := settings.Vaults[name]
		vault.Address = cmp.Or(said.Address, vault.Address)
		vault.Namespace = cmp.Or(said.Namespace, vault.Namespace)
		vault.AuthMount = cmp.Or(said.AuthMount, vault.AuthMount, config.DefaultAuthMount)
		vault.Role = cmp.Or(said.Role, vault.Role)
		settings.Vaults[name] = vault
	}
	return &settings
}

// path is one that the suite names, relative to itself.
func (s *suiteFile) path(named string) string {
	if filepath.IsAbs(named) {
		return named
	}
	return filepath.Join(filepath.Dir(s.file), named)
}

func (s *suiteFile) documents() ([]*policy.Document, error) {
	var documents []*policy.Document
	var problems policy.Problems
	for i, pattern := range s.Policies {
		found, err := files.Glob(s.path(pattern))
		if wrong, ok := errors.AsType[policy.Problems](err); ok {
			problems = append(problems, wrong...)
		} else if err != nil {
			problems = append(problems, s.Problem(fmt.Sprintf("policies[%d]", i), err.Error()))
		}
		documents = append(documents, found...)
	}
	return documents, problems.Err()
}

// asked is what a case asks.
func (s *suiteFile) asked(ctx context.Context, c *policy.Case, settings *config.Settings) ([]policy.Asked, error) {
	if c.Request != nil {
		return []policy.Asked{{Claim: claimOf(c.Request, c.Namespace, settings)}}, nil
	}
	found, err := s.subjects(ctx, c, settings)
	if err != nil {
		return nil, err
	}
	// A case that leaves something out would pass for no reason.
	var problems policy.Problems
	for _, missing := range found.missing {
		problems = append(problems, c.Problem("", missing))
	}
	var all []policy.Asked
	for _, o := range found.objects {
		for _, one := range o.asked {
			one.Labels = found.labels[one.Claim.Namespace]
			all = append(all, one)
		}
	}
	return all, problems.Err()
}

func (s *suiteFile) subjects(ctx context.Context, c *policy.Case, settings *config.Settings) (*subjects, error) {
	r := &reading{scene: &scene{settings: settings}, namespace: c.Namespace, labels: namespaceLabels{}}
	for name, namespace := range s.Namespaces {
		r.labels[name] = namespace.Labels
	}
	if c.Object == "" {
		return r.node(ctx, c.Manifest())
	}
	found, err := r.files(ctx, nil, s.path(c.Object))
	if _, ok := errors.AsType[policy.Problems](err); err != nil && !ok {
		return nil, policy.Problems{c.Problem("object", err.Error())}
	}
	return found, err
}
