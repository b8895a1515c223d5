package harness

import (
	"context"
	"os/exec"
	"path/filepath"
)

// Helm runs helm as the admin, in the module's folder. An exit code other than
// 0 is no error.
func (e *Env) Helm(ctx context.Context, args ...string) (Output, error) {
	command := exec.CommandContext(ctx, e.binaries.helm, args...)
	command.Dir = e.binaries.root
	command.Env = []string{"HOME=" + filepath.Join(e.folder.path, "helm"), "KUBECONFIG=" + e.Kubeconfig}
	return capture(command)
}
