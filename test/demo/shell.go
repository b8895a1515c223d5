package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/countersign/countersign/test/harness"
)

// sayf prints a line of the story.
func (s *stage) sayf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

// sh prints a command as typed, runs it in a real shell, and prints what it
// really says. It must succeed.
func (s *stage) sh(ctx context.Context, command string) (string, error) {
	output, err := s.typed(ctx, command)
	if err == nil && output.ExitCode != 0 {
		err = fmt.Errorf("%s: exit code %d: %s", command, output.ExitCode, strings.TrimSpace(output.Stderr))
	}
	return output.Stdout, err
}

// refused is sh for a command that must fail; it returns what the user is told.
func (s *stage) refused(ctx context.Context, command string) (string, error) {
	output, err := s.typed(ctx, command)
	if err == nil && output.ExitCode == 0 {
		err = fmt.Errorf("%s: it should have been refused", command)
	}
	return output.Stderr, err
}

func (s *stage) typed(ctx context.Context, line string) (harness.Output, error) {
	s.sayf("\n$ %s", line)
	command := exec.CommandContext(ctx, "sh", "-c", line)
	command.Dir = s.folder
	command.Env = append(os.Environ(), s.env.KubectlEnv()...)
	command.Env = append(command.Env, "PATH="+filepath.Dir(s.env.KubectlPath())+string(os.PathListSeparator)+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = io.MultiWriter(&stdout, s.out), io.MultiWriter(&stderr, s.out)
	err := command.Run()
	output := harness.Output{Stdout: stdout.String(), Stderr: stderr.String(), ExitCode: command.ProcessState.ExitCode()}
	if text := output.Stdout + output.Stderr; text != "" && !strings.HasSuffix(text, "\n") {
		s.sayf("")
	}
	if _, ended := errors.AsType[*exec.ExitError](err); ended && ctx.Err() == nil {
		return output, nil
	}
	return output, err
}
