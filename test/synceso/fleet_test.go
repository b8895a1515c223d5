package synceso

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/test/harness"
)

const (
	namespaces = 573
	values     = 5
)

// The fleet of the seed in ESO's dialect: 573 namespaces with five values each
// cost one login and one read a namespace, and nothing at rest or after a
// restart.
func TestFleet(t *testing.T) {
	n := newTenant(t)
	w := n.world
	n.do(fmt.Sprintf(`apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: fleet}
spec:
  controller: countersign
  provider: {vault: {server: %q, path: secret, auth: {kubernetes: {mountPath: kubernetes, role: %s}}}}`, w.env.Vault.Addr, role), "apply", "-f", "-")
	// The session of other tests would spare the login.
	if err := w.process.Stop(); err != nil {
		t.Fatal(err)
	}
	for i := range namespaces {
		fields := map[string]any{}
		for v := range values {
			fields[fmt.Sprintf("k%d", v)] = fmt.Sprintf("%d-%d", i, v)
		}
		n.put(fmt.Sprintf("team-fleet-%d/app", i), fields)
	}
	if err := w.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	mark := n.mark()
	creating, ctx := errgroup.WithContext(t.Context())
	creating.SetLimit(8)
	for i := range namespaces {
		creating.Go(func() error { return w.createOfFleet(ctx, i) })
	}
	if err := creating.Wait(); err != nil {
		t.Fatal(err)
	}
	w.awaitFleet(t)
	if counts := harness.CountRequests(n.requestsSince(mark)); counts.Login != 1 || counts.Read != namespaces || counts.Total() != namespaces+1 {
		t.Errorf("%+v", counts)
	}
	mark = n.mark()
	if err := w.process.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := w.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What is created now is synced after all the others were looked at.
	n.put(n.ns+"/last", map[string]any{"a": "1"})
	n.apply(n.store("vault"), external("last", "vault", "NS/last", ""))
	n.awaitValue("last", "a", "1")
	for _, entry := range n.requestsSince(mark) {
		if entry.Kind() == harness.KindRead && entry.Path != "secret/data/"+n.ns+"/last" {
			t.Errorf("read at rest: %s for %s", entry.Path, entry.Object)
		}
	}
}

func (w *world) createOfFleet(ctx context.Context, i int) error {
	name := fmt.Sprintf("team-fleet-%d", i)
	if err := w.env.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		return err
	}
	var manifest strings.Builder
	manifest.WriteString("apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: app, namespace: " + name + "}\nspec:\n  secretStoreRef: {kind: ClusterSecretStore, name: fleet}\n  data:\n")
	for v := range values {
		fmt.Fprintf(&manifest, "  - {secretKey: k%d, remoteRef: {key: %s/app, property: k%d}}\n", v, name, v)
	}
	return w.create(ctx, manifest.String())
}

// awaitFleet waits until each object is synced, and remembered as such: that is
// written last.
func (w *world) awaitFleet(t *testing.T) {
	t.Helper()
	harness.Await(t, 3*within, func(ctx context.Context) error {
		list := &esov1.ExternalSecretList{}
		if err := w.env.Client.List(ctx, list); err != nil {
			return err
		}
		ready := 0
		for i := range list.Items {
			if one := &list.Items[i]; one.Name == "app" && one.Sync.SyncedGeneration > 0 && one.Spec.SecretStoreRef.Name == "fleet" {
				ready++
			}
		}
		if ready != namespaces {
			return fmt.Errorf("%d of %d", ready, namespaces)
		}
		return nil
	})
	for _, i := range []int{0, namespaces / 2, namespaces - 1} {
		n := &tenant{world: w, t: t, ns: fmt.Sprintf("team-fleet-%d", i)}
		n.awaitValue("app", "k4", fmt.Sprintf("%d-4", i))
	}
}
