package harness

import (
	"context"
	"os/exec"
)

// Helm runs helm as the admin, with no word from the user's own settings. An
// exit code other than 0 is no error.
func (e *Env) Helm(ctx context.Context, args ...string) (Output, error) {
	command := exec.CommandContext(ctx, e.binaries.helm, args...)
	command.Env = []string{"HOME=" + e.folder.path, "KUBECONFIG=" + e.Kubeconfig}
	return capture(command)
}
