// Package esocrds has the CRDs of External Secrets Operator, as its module has
// them. They are not kept here: the go command downloads the module once, and
// checks its sum.
package esocrds

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
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
