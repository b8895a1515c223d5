package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Output is what a command printed and how it ended.
type Output struct {
	Stdout, Stderr string
	ExitCode       int
}

// Kubectl runs kubectl as the admin. An exit code other than 0 is no error.
func (e *Env) Kubectl(ctx context.Context, stdin string, args ...string) (Output, error) {
	command := exec.CommandContext(ctx, e.binaries.kubectl, args...)
	command.Env = append(os.Environ(), e.KubectlEnv()...)
	command.Stdin = strings.NewReader(stdin)
	return capture(command)
}

// KubectlPath is the kubectl that Kubectl runs.
func (e *Env) KubectlPath() string { return e.binaries.kubectl }

// KubectlEnv has kubectl talk to this apiserver, with no word from the user's
// own settings, nor from a cache of another apiserver that had the same port.
func (e *Env) KubectlEnv() []string {
	return []string{"KUBECONFIG=" + e.Kubeconfig, "KUBECACHEDIR=" + e.folder.join("kubectl-cache"), "KUBERC=off"}
}

func capture(command *exec.Cmd) (Output, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	output := Output{Stdout: stdout.String(), Stderr: stderr.String(), ExitCode: command.ProcessState.ExitCode()}
	if _, ended := errors.AsType[*exec.ExitError](err); ended && output.ExitCode >= 0 {
		return output, nil
	}
	if err != nil {
		return output, fmt.Errorf("%s: %w", strings.Join(command.Args, " "), err)
	}
	return output, nil
}
