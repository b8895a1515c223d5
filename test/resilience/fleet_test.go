package resilience

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// fleetSize is the number of namespaces in the seed text.
const fleetSize = 573

// fleetObject asks for five values of one path.
func (n *tenant) fleetObject() *kesv1.ExternalSecret {
	object := n.wants("app", role, "")
	object.Spec.DataFrom = nil
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		object.Spec.Data = append(object.Spec.Data, kesv1.DataItem{Name: key, Key: n.path("app"), Property: new(key)})
	}
	return object
}

// fleet lists the objects of tenants, by key.
func fleet(ctx context.Context, tenants []*tenant) (map[string]*kesv1.ExternalSecret, error) {
	list := &kesv1.ExternalSecretList{}
	if err := shared.env.Client.List(ctx, list); err != nil {
		return nil, err
	}
	ours := map[string]bool{}
	for _, n := range tenants {
		ours[n.ns] = true
	}
	objects := map[string]*kesv1.ExternalSecret{}
	for i := range list.Items {
		if object := &list.Items[i]; ours[object.Namespace] {
			objects[object.Namespace] = object
		}
	}
	return objects, nil
}

// fleetVersions are those of all objects and their Secrets.
func fleetVersions(t *testing.T, tenants []*tenant) map[string]string {
	t.Helper()
	objects, err := fleet(t.Context(), tenants)
	if err != nil {
		t.Fatal(err)
	}
	secrets := &corev1.SecretList{}
	if err := shared.env.Client.List(t.Context(), secrets, client.MatchingLabels{"app.kubernetes.io/managed-by": "countersign"}); err != nil {
		t.Fatal(err)
	}
	versions := map[string]string{}
	for namespace, object := range objects {
		versions[namespace+" object"] = object.ResourceVersion
	}
	for _, secret := range secrets.Items {
		if objects[secret.Namespace] != nil {
			versions[secret.Namespace+" Secret"] = secret.ResourceVersion
		}
	}
	return versions
}

// The fleet of the seed text: 573 namespaces, 5 values each, are one login and
// one read for each; a restart sends nothing and writes nothing.
func TestFleet(t *testing.T) {
	release := install(t, nil)
	goOn := reserveLease(t)
	process := ready(t, launch(t, release, "--log-level=info"))
	tenants := newTenants(t, fleetSize)
	inParallel(t, 10, fleetSize, func(ctx context.Context, i int) error {
		n := tenants[i]
		values := map[string]any{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}
		if err := shared.env.Vault.PutKV(ctx, "kubernetes", n.ns+"/app", values); err != nil {
			return err
		}
		return shared.env.Client.Create(ctx, n.fleetObject())
	})

	from := shared.proxy.count()
	const cpu = "process_cpu_seconds_total"
	idle := mustMetric(t, process, cpu)
	goOn()
	harness.Await(t, 5*within, func(ctx context.Context) error {
		objects, err := fleet(ctx, tenants)
		if err != nil {
			return err
		}
		for _, object := range objects {
			if err := synced(object); err != nil {
				return err
			}
		}
		return nil
	})
	done := time.Now()
	seen := shared.proxy.since(from)
	if len(seen) > fleetSize+1 {
		t.Errorf("%d requests, want one login and %d reads", len(seen), fleetSize)
	}
	t.Logf("cold: %d objects in %v, %d requests, %d in the fullest second, %.2f s of CPU, %.0f MiB resident",
		fleetSize, done.Sub(seen[0].at).Round(10*time.Millisecond), len(seen), peak(seen),
		mustMetric(t, process, cpu)-idle, mustMetric(t, process, "process_resident_memory_bytes")/(1<<20))
	if data := tenants[fleetSize-1].secret("app").Data; len(data) != 5 || string(data["e"]) != "5" {
		t.Errorf("a Secret has the keys %v", data)
	}
	restartIsSilent(t, process, release, tenants)
}

func restartIsSilent(t *testing.T, process *harness.Process, release harness.Release, tenants []*tenant) {
	t.Helper()
	before := fleetVersions(t, tenants)
	if len(before) != 2*len(tenants) {
		t.Errorf("%d objects and Secrets, want %d", len(before), 2*len(tenants))
	}
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	from, started := shared.proxy.count(), time.Now()
	process = launch(t, release, "--leader-elect=false", "--log-level=info")
	harness.Await(t, within, func(ctx context.Context) error {
		looked, err := metric(ctx, process, "controller_runtime_reconcile_total", `controller="externalsecret.`, `result="success"`)
		if err != nil {
			return err
		}
		waiting, err := metric(ctx, process, "countersign_queue_length")
		if err == nil && (int(looked) < len(tenants) || waiting > 0) {
			err = fmt.Errorf("%v objects were looked at, want %d; %v wait", looked, len(tenants), waiting)
		}
		return err
	})
	t.Logf("restart: %d objects were looked at within %v, %.2f s of CPU, %.0f MiB resident", len(tenants),
		time.Since(started).Round(10*time.Millisecond), mustMetric(t, process, "process_cpu_seconds_total"),
		mustMetric(t, process, "process_resident_memory_bytes")/(1<<20))
	if sent := shared.proxy.since(from); len(sent) > 0 {
		t.Errorf("the restart sent %v", sent)
	}
	if diff := cmp.Diff(before, fleetVersions(t, tenants)); diff != "" {
		t.Errorf("the restart wrote: %s", diff)
	}
}
