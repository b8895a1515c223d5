package guard

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/countersign/countersign/test/esocrds"
	"github.com/countersign/countersign/test/harness"
)

// crdFiles are those of the kinds that reach Vault.
func crdFiles(ctx context.Context) ([]string, error) {
	folder, err := esocrds.Folder(ctx)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, pattern := range []string{"external-secrets.io_*.yaml", "generators.external-secrets.io_clustergenerators.yaml", "generators.external-secrets.io_vaultdynamicsecrets.yaml"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("no CRDs at %s: %w", pattern, err)
		}
		all = append(all, files...)
	}
	return all, nil
}

func (w *world) installCRDs(ctx context.Context) error {
	files, err := crdFiles(ctx)
	if err != nil {
		return err
	}
	named := []string{}
	for _, file := range files {
		named = append(named, "-f", file)
	}
	if err := w.run(ctx, append([]string{"apply", "--server-side"}, named...)...); err != nil {
		return err
	}
	return harness.Eventually(ctx, 100*time.Millisecond, within, func(ctx context.Context) error {
		return w.run(ctx, append([]string{"wait", "--for=condition=Established", "--timeout=30s"}, named...)...)
	})
}

func (w *world) run(ctx context.Context, args ...string) error {
	output, err := w.env.Kubectl(ctx, "", args...)
	if err == nil && output.ExitCode != 0 {
		err = errors.New(output.Stderr)
	}
	return err
}
