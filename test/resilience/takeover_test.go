package resilience

import (
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// firstOf each path, and no later one.
func firstOf(paths ...string) func(*http.Request) bool {
	var mutex sync.Mutex
	left := map[string]bool{}
	for _, path := range paths {
		left["/v1/"+path] = true
	}
	return func(r *http.Request) bool {
		mutex.Lock()
		defer mutex.Unlock()
		first := left[r.URL.Path]
		delete(left, r.URL.Path)
		return first
	}
}

// Issue 5: a leader that is stopped past its lease, with an old value on its way
// to it, overwrites nothing when it goes on: neither the Secrets nor what their
// objects say.
func TestStoppedLeaderOverwritesNothing(t *testing.T) {
	tests := map[string]struct {
		timeout string
		// goesOn has the old leader learn how its reads ended.
		goesOn func(*gate)
	}{
		"with the old value in hand":    {"2m", func(g *gate) { g.open() }},
		"with a read that was too late": {"10s", func(*gate) {}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			release := install(t, settings{"timeout": tc.timeout})
			n := newTenant(t)
			seen := watchEverything(t, []*tenant{n})
			old, created := &changing{tenant: n, name: "old", as: role}, &changing{tenant: n, name: "created", as: role}
			objects := []*changing{old, created}

			leader := ready(t, launch(t, release))
			change(t, old)
			n.awaitSynced("old")
			ready(t, launch(t, release))

			gate := shared.proxy.hold(t, &gate{holds: firstOf(n.path("old"), n.path("created")), asked: true})
			change(t, objects...)
			gate.reached(t, len(objects))
			signal(t, leader, syscall.SIGSTOP)
			// What was asked for is still to be synced, with what Vault holds now.
			for _, object := range objects {
				if err := object.put(t.Context(), object.stamped+1); err != nil {
					t.Fatal(err)
				}
			}
			written := map[string]string{}
			for _, object := range objects {
				synced := n.awaitSynced(object.name)
				written[object.name+" object"] = synced.ResourceVersion
				written[object.name+" Secret"] = n.secret(object.name).ResourceVersion
			}

			tc.goesOn(gate)
			signal(t, leader, syscall.SIGCONT)
			select {
			case <-leader.Done():
			case <-time.After(within):
				t.Fatal("the old leader goes on without its lease")
			}
			left := map[string]string{}
			for _, object := range objects {
				left[object.name+" object"] = n.get(object.name).ResourceVersion
				left[object.name+" Secret"] = n.secret(object.name).ResourceVersion
				if number, err := numberOf(n.secret(object.name)); err != nil || number != object.stamped+1 {
					t.Errorf("%s holds %d (%v), want %d", object.key(), number, err, object.stamped+1)
				}
			}
			if diff := cmp.Diff(written, left); diff != "" {
				t.Errorf("the old leader has written: %s", diff)
			}
			seen.conclude(t)
		})
	}
}

func change(t *testing.T, objects ...*changing) {
	t.Helper()
	for _, object := range objects {
		if err := object.change(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Issue 5, point 10: a change of the object that asks for nothing new, while its
// read is under way, costs no second one.
func TestConflictCostsNoRead(t *testing.T) {
	run(t, nil)
	n := newTenant(t)
	n.put("app", "1")
	since := mark(t)
	gate := shared.proxy.hold(t, &gate{holds: readsOf(n.path("app"))})
	n.apply("app")
	gate.reached(t, 1)
	object := n.get("app")
	label := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"foreign":"label"}}}`))
	if err := shared.env.Client.Patch(t.Context(), object, label); err != nil {
		t.Fatal(err)
	}
	gate.open()
	n.awaitSynced("app")
	// An object that is synced after shows that the label's turn has come.
	n.create(n.wants("after", role, n.path("app")))
	n.awaitSynced("after")
	reads := 0
	for _, entry := range n.requests(since) {
		if entry.Kind() == harness.KindRead && entry.Object == n.ns+"/app" {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("%d reads, want 1: %s", reads, listed(n.requests(since)))
	}
	if got := n.get("app").Labels["foreign"]; got != "label" {
		t.Errorf("the label is %q", got)
	}
}

func signal(t *testing.T, process *harness.Process, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(process.PID(), s); err != nil {
		t.Fatal(err)
	}
}
