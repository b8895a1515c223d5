// Command countersign guards and syncs ExternalSecrets: see "countersign help".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
)

// version is stamped by the linker.
var version = "dev"

func main() {
	os.Exit(run(ctrl.SetupSignalHandler(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes of every command.
const (
	exitGood = iota
	// exitFound: a violation, a problem or a failed case was found, and told.
	exitFound
	// exitUnusable: the input could not be used, or the work not be done.
	exitUnusable
)

// errFound ends a command that has told on its output what it found.
var errFound = errors.New("found")

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	command := newCommand()
	command.SetArgs(args)
	command.SetIn(stdin)
	command.SetOut(stdout)
	command.SetErr(stderr)
	switch err := command.ExecuteContext(ctx); {
	case err == nil:
		return exitGood
	case errors.Is(err, errFound):
		return exitFound
	default:
		_, _ = fmt.Fprintln(stderr, "countersign:", err)
		return exitUnusable
	}
}
