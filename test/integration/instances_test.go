package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/countersign/countersign/test/harness"
)

// turnWithin is a whole interval of --resync-interval=1m, and some time to read.
const turnWithin = 90 * time.Second

// An instance with a name syncs the objects that name it and no others, in the
// namespaces that it watches, and with an interval it reads again by itself.
func TestInstances(t *testing.T) {
	t.Parallel()
	n, other := newTenant(t), newTenant(t)
	spec := func(instance string) string {
		return vaultHead + "controllerId: " + instance + "\ndataFrom: [kubernetes/data/NS/app]"
	}
	for _, tenant := range []*tenant{n, other} {
		tenant.put("kubernetes", "app", map[string]any{"a": "1"})
		tenant.apply("named", spec(n.ns))
	}
	n.apply("unnamed", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("unnamed")
	// The instance without a name has been by.
	n.hasNoSecret("named")

	named, err := n.env.StartCountersign(t.Context(), n.release, harness.ProcessOptions{Args: []string{
		"--controller-id=" + n.ns, "--leader-elect=false", "--watch-namespaces=" + n.ns, "--resync-interval=1m",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := named.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := named.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.awaitSynced("named")
	first := n.get("unnamed").ResourceVersion
	n.put("kubernetes", "app", map[string]any{"a": "2"})
	harness.Await(t, turnWithin, func(context.Context) error {
		if n.data("named")["a"] != "2" {
			return errors.New("the new value is not there")
		}
		return nil
	})
	if got := n.data("unnamed")["a"]; got != "1" || n.get("unnamed").ResourceVersion != first {
		t.Errorf("the instance without an interval has read %q", got)
	}
	other.hasNoSecret("named")
}
