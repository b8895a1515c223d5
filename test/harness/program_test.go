package harness

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A program finds the kubeconfig, and is ended by SIGTERM.
func TestProgram(t *testing.T) {
	up := filepath.Join(t.TempDir(), "up")
	const script = `trap 'exit 0' TERM; cp "$KUBECONFIG" "$0"; while :; do sleep 0.1; done`
	program, err := shared.StartProgram("program", "/bin/sh", "-c", script, up)
	if err != nil {
		t.Fatal(err)
	}
	Await(t, time.Minute, func(context.Context) error {
		_, err := os.Stat(up)
		return err
	})
	if err := program.Stop(); err != nil {
		t.Error(err)
	}
}
