// Package esocrds has the CRDs of External Secrets Operator, as its module has
// them. They are not kept here: the go command downloads the module once, and
// checks its sum.
package esocrds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/countersign/countersign/test/harness"
)

// The module, and what its content sums up to.
const (
	Module = "github.com/external-secrets/external-secrets@v1.3.2"
	sum    = "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ="
)

// Folder has a file for each CRD.
func Folder(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", Module)
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w: %s", Module, err, out)
	}
	var downloaded struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &downloaded); err != nil {
		return "", err
	}
	if downloaded.Sum != sum {
		return "", fmt.Errorf("%s: sum %s, want %s", Module, downloaded.Sum, sum)
	}
	return filepath.Join(downloaded.Dir, "config", "crds", "bases"), nil
}

// Install has an apiserver serve the CRDs of files that match any of the patterns.
func Install(ctx context.Context, env *harness.Env, patterns ...string) error {
	folder, err := Folder(ctx)
	if err != nil {
		return err
	}
	var named []string
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(files) == 0 {
			return fmt.Errorf("no CRDs at %s: %w", pattern, err)
		}
		for _, file := range files {
			named = append(named, "-f", file)
		}
	}
	if err := run(ctx, env, append([]string{"apply", "--server-side"}, named...)...); err != nil {
		return err
	}
	return harness.Eventually(ctx, 100*time.Millisecond, within, func(ctx context.Context) error {
		return run(ctx, env, append([]string{"wait", "--for=condition=Established", "--timeout=30s"}, named...)...)
	})
}

// within is how long the apiserver may take to serve them.
const within = time.Minute

func run(ctx context.Context, env *harness.Env, args ...string) error {
	output, err := env.Kubectl(ctx, "", args...)
	if err == nil && output.ExitCode != 0 {
		err = errors.New(output.Stderr)
	}
	return err
}
