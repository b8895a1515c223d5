package guard

import (
	"context"
	"errors"

	"github.com/countersign/countersign/test/esocrds"
)

// installCRDs has those of the kinds that reach Vault.
func (w *world) installCRDs(ctx context.Context) error {
	return esocrds.Install(ctx, w.env, "external-secrets.io_*.yaml",
		"generators.external-secrets.io_clustergenerators.yaml", "generators.external-secrets.io_vaultdynamicsecrets.yaml")
}

func (w *world) run(ctx context.Context, args ...string) error {
	output, err := w.env.Kubectl(ctx, "", args...)
	if err == nil && output.ExitCode != 0 {
		err = errors.New(output.Stderr)
	}
	return err
}
