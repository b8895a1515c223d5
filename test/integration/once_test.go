package integration

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/countersign/countersign/test/harness"
)

// A one-shot run syncs what is due, says what is not ready, and ends: with 1
// where something is not.
func TestOnce(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	spec := vaultHead + "controllerId: NS\ndataFrom: [kubernetes/data/NS/app]"
	n.apply("one", spec)
	n.apply("two", spec)
	n.apply("missing", vaultHead+"controllerId: NS\ndataFrom: [kubernetes/data/NS/nothing]")

	mark := n.mark()
	output, code := n.once()
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{
		"NS/missing: VaultNotFound: spec.dataFrom[0]: kubernetes/data/NS/nothing: nothing is there, or the version is deleted\n",
		"externalsecret.kubernetes-client.io: 2 ready, 1 not ready\n",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is not in the output:\n%s", want, output)
		}
	}
	for _, name := range []string{"one", "two"} {
		if n.data(name)["a"] != "1" {
			t.Errorf("%s is not synced", name)
		}
	}
	if got := harness.CountRequests(n.requests(mark)); got.Read > 3 || got.Read < 2 {
		t.Errorf("Vault saw %+v", got)
	}

	n.do("", "delete", "externalsecret", "missing", "-n", n.ns)
	mark = n.mark()
	if output, code := n.once(); code != 0 || !strings.Contains(output, "2 ready, 0 not ready\n") {
		t.Errorf("exit code %d: %s", code, output)
	}
	n.wantRequests(mark, harness.Counts{})
}

// once runs the process for the tenant's objects and returns what it said and
// its exit code.
func (n *tenant) once() (output string, code int) {
	n.t.Helper()
	process, err := n.env.StartCountersign(n.t.Context(), n.release, harness.ProcessOptions{LogLevel: "error", Args: []string{
		"--once", "--controller-id=" + n.ns, "--watch-namespaces=" + n.ns,
	}})
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), within)
	defer cancel()
	err = process.Wait(ctx)
	exit, ended := errors.AsType[*exec.ExitError](err)
	if err != nil && !ended {
		n.t.Fatal(err)
	}
	if ended {
		code = exit.ExitCode()
	}
	logs, err := process.Logs()
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.ReplaceAll(logs, n.ns, "NS"), code
}
