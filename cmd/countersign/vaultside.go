package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy/files"
	"github.com/countersign/countersign/policy/vaultside"
)

const (
	outputHCL       = "hcl"
	outputCommands  = "commands"
	outputTerraform = "terraform"
)

func newVaultCommand() *cobra.Command {
	options := &vaultOptions{}
	command := &cobra.Command{
		Use:   "vault",
		Short: "Write down the Vault side of a policy: the least that Vault has to grant",
		Long: `Write down the least that Vault has to grant for a policy to be used: for each
role an ACL policy, and the role of the Kubernetes auth method, to hand to
whoever runs Vault.

Rules that select namespaces by a prefix or labels hold for the namespaces that
are given. Left out, they are those that rules name in full.

Exit codes: 0 written, 2 the input could not be used.`,
		Example: `  countersign policy vault --policy policy.yaml --namespace team-a --namespace team-b
  countersign policy vault --policy policy.yaml --namespaces-file namespaces.yaml -o terraform
  countersign policy vault --live -o commands`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.output.validate(); err != nil {
				return err
			}
			side, err := options.side(cmd.Context(), cmd.InOrStdin())
			if err != nil {
				return err
			}
			for _, note := range side.Notes {
				if _, err := fmt.Fprintln(cmd.ErrOrStderr(), "note:", note); err != nil {
					return err
				}
			}
			return tellSide(cmd.OutOrStdout(), options.output.format, side)
		},
	}
	options.add(command)
	return command
}

type vaultOptions struct {
	settingsFlags
	vaultside.Options

	output         outputFlag
	fromLive       bool
	policies       []string
	namespaces     []string
	namespaceFiles []string
}

func (o *vaultOptions) add(command *cobra.Command) {
	const flagNamespace, flagNamespaceFiles = "namespace", "namespaces-file"
	o.settingsFlags.add(command)
	o.output.add(command, outputHCL, outputCommands, outputTerraform)
	flags := command.Flags()
	flags.StringArrayVar(&o.policies, flagPolicy, nil, `file, directory or "-" with policy; may be repeated; left out with --live, the policy of the cluster`)
	flags.StringArrayVarP(&o.namespaces, flagNamespace, "n", nil, "namespace to write for, without labels; may be repeated")
	flags.StringArrayVar(&o.namespaceFiles, flagNamespaceFiles, nil, `file, directory or "-" with Namespaces to write for; may be repeated`)
	flags.BoolVar(&o.fromLive, flagLive, false, "write for the namespaces of the cluster, with its settings")
	flags.StringVar(&o.Vault, "vault", config.DefaultVault, "Vault to write for, by its name in the settings")
	flags.StringVar(&o.ServiceAccount, "service-account", "countersign", "ServiceAccount of Countersign, in the release namespace")
	flags.StringVar(&o.Audience, "audience", "", "audience of the tokens that log in; left out, that of the Vault in the settings")
	flags.DurationVar(&o.TokenTTL, "token-ttl", time.Hour, "life of a login")
	completeNothing(command, flagNamespace, "vault", "service-account", "audience", "token-ttl")
	command.MarkFlagsOneRequired(flagPolicy, flagLive)
	command.MarkFlagsMutuallyExclusive(flagNamespace, flagNamespaceFiles, flagLive)
	for _, offline := range []string{flagNamespace, flagNamespaceFiles} {
		command.MarkFlagsMutuallyExclusive(offline, flagKubeconfig)
		command.MarkFlagsMutuallyExclusive(offline, flagContext)
	}
}

func (o *vaultOptions) side(ctx context.Context, stdin io.Reader) (*vaultside.Side, error) {
	if o.TokenTTL < time.Second {
		return nil, errors.New("--token-ttl: give a second or more")
	}
	s, err := o.scene(ctx, stdin)
	if err != nil {
		return nil, err
	}
	if err := o.complete(s.settings); err != nil {
		return nil, err
	}
	labels, err := o.labels(ctx, stdin, s)
	if err != nil {
		return nil, err
	}
	var namespaces []vaultside.Namespace
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		namespaces = append(namespaces, vaultside.Namespace{Name: name, Labels: labels[name]})
	}
	return vaultside.Build(s.policy, namespaces, o.Options)
}

// scene takes the policy from files where some are named, also beside --live.
func (o *vaultOptions) scene(ctx context.Context, stdin io.Reader) (*scene, error) {
	s, err := o.surroundings(ctx)
	switch {
	case err != nil:
	case len(o.policies) > 0:
		s.policy, err = compileFiles(stdin, s.settings, o.policies...)
	default:
		s.policy, err = s.cluster.compile(ctx, s.settings)
	}
	return s, err
}

func (o *vaultOptions) surroundings(ctx context.Context) (*scene, error) {
	if o.fromLive {
		return o.connected(ctx)
	}
	settings, err := o.load()
	return &scene{settings: settings}, err
}

// complete fills in what the settings say of the Vault.
func (o *vaultOptions) complete(settings *config.Settings) error {
	vault, known := settings.Vaults[o.Vault]
	if !known {
		return fmt.Errorf("--vault %q: the settings have no such Vault; give those that have it with --%s", o.Vault, flagSettings)
	}
	if o.Audience == "" {
		o.Audience = vault.Audience
	}
	o.Namespace = o.releaseNamespace
	return nil
}

func (o *vaultOptions) labels(ctx context.Context, stdin io.Reader, s *scene) (namespaceLabels, error) {
	names := o.namespaces
	switch {
	case o.fromLive:
		return s.cluster.allLabels(ctx)
	case len(o.namespaceFiles) > 0:
		return loadNamespaces(stdin, s.settings, o.namespaceFiles...)
	case len(names) == 0:
		names = s.policy.NamedNamespaces()
	}
	labels := namespaceLabels{}
	for _, name := range names {
		labels[name] = nil
	}
	return labels, nil
}

// loadNamespaces passes other objects over.
func loadNamespaces(stdin io.Reader, settings *config.Settings, paths ...string) (namespaceLabels, error) {
	m := (&reading{scene: &scene{settings: settings}, namespace: "default"}).manifests()
	for _, path := range paths {
		parts, err := files.Parts(stdin, path)
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			if err := m.part(part); err != nil {
				return nil, err
			}
		}
	}
	if len(m.labels) == 0 && len(m.problems) == 0 {
		return nil, fmt.Errorf("%s: no Namespace in it", strings.Join(paths, ", "))
	}
	return m.labels, m.problems.Err()
}

func tellSide(out io.Writer, format string, side *vaultside.Side) error {
	text := side.HCL()
	switch format {
	case outputCommands:
		commands, err := side.Commands()
		if err != nil {
			return err
		}
		text = commands
	case outputTerraform:
		text = side.Terraform()
	}
	_, err := io.WriteString(out, text)
	return err
}
