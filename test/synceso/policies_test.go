package synceso

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/test/harness"
)

func (n *tenant) forget(path string) {
	n.t.Helper()
	if _, err := n.env.Vault.Client.Logical().DeleteWithContext(n.t.Context(), "secret/metadata/"+path); err != nil {
		n.t.Fatal(err)
	}
}

func (n *tenant) awaitGone(name string) {
	n.t.Helper()
	harness.Await(n.t, within, func(ctx context.Context) error {
		if err := n.get(ctx, name, &corev1.Secret{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("Secret %s: %w", name, err)
		}
		return nil
	})
}

// A Secret goes where Vault holds nothing and the object says so. Where Vault
// does not answer, or does not let it be read, it stays.
func TestDeletionPolicies(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.store("vault"),
		external("retain", "vault", "NS/app", "target: {deletionPolicy: Retain}"),
		external("delete", "vault", "NS/app", "target: {deletionPolicy: Delete}"),
		external("merge", "vault", "NS/app", "target: {deletionPolicy: Merge}"))
	all := []string{"retain", "delete", "merge"}
	for _, name := range all {
		n.awaitValue(name, "a", "1")
		n.awaitReady(name, "SecretSynced", "secret synced")
	}
	deny := func(rules string) {
		t.Helper()
		if err := n.env.Vault.WritePolicy(context.WithoutCancel(t.Context()), "reader", `path "secret/*" { capabilities = ["read", "list"] }`+rules); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { deny("") })
	deny(fmt.Sprintf(` path "secret/data/%s/*" { capabilities = ["deny"] }`, n.ns))
	n.resync(all, "forbidden")
	for _, name := range all {
		n.awaitReady(name, "SecretSyncedError", "VaultForbidden")
		n.awaitValue(name, "a", "1")
	}
	deny("")

	if err := n.env.Vault.Stop(); err != nil {
		t.Fatal(err)
	}
	n.resync(all, "down")
	for _, name := range all {
		n.awaitReady(name, "SecretSyncedError", "VaultUnavailable")
		n.awaitValue(name, "a", "1")
	}
	if err := n.env.Vault.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		n.awaitReady(name, "SecretSynced", "secret synced")
	}

	n.forget(n.ns + "/app")
	n.resync(all, "gone")
	n.awaitReady("retain", "SecretSyncedError", "VaultNotFound")
	n.awaitValue("retain", "a", "1")
	n.awaitReady("delete", "SecretDeleted", "")
	n.awaitGone("delete")
	n.awaitReady("merge", "SecretSynced", "")
	harness.Await(t, within, func(ctx context.Context) error {
		secret := &corev1.Secret{}
		err := n.get(ctx, "merge", secret)
		if err == nil && len(secret.Data) > 0 {
			err = fmt.Errorf("%d keys", len(secret.Data))
		}
		return err
	})
	n.put(n.ns+"/app", map[string]any{"a": "2"})
	n.resync(all, "back")
	for _, name := range all {
		n.awaitValue(name, "a", "2")
	}
}

func (n *tenant) resync(names []string, value string) {
	n.t.Helper()
	for _, name := range names {
		n.annotate(name, api.Resync+"="+value)
	}
}

// Whose the Secret is, and what becomes of it.
func TestCreationPolicies(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	mark := n.mark()
	n.apply(n.store("vault"),
		external("none", "vault", "NS/app", "target: {creationPolicy: None}"),
		external("later", "vault", "NS/app", "target: {creationPolicy: Merge}"))
	n.awaitReady("none", "SecretSynced", "secret synced")
	n.awaitReady("later", "SecretMissing", "Secret later does not exist")
	n.wantUnread(mark, "none", "probe-none")
	n.wantUnread(mark, "later", "probe-later")
	n.do("", "create", "secret", "generic", "later", "-n", n.ns, "--from-literal=mine=precious")
	secret := n.awaitValue("later", "a", "1")
	if diff := cmp.Diff(map[string][]byte{"a": []byte("1"), "mine": []byte("precious")}, secret.Data); diff != "" || len(secret.OwnerReferences) > 0 {
		t.Errorf("owners %v %s", secret.OwnerReferences, diff)
	}

	orphan := external("orphan", "vault", "NS/app", "target: {creationPolicy: Orphan}")
	n.apply(orphan)
	left := n.awaitValue("orphan", "a", "1")
	n.do("", "delete", "externalsecrets.external-secrets.io", "orphan", "-n", n.ns)
	n.put(n.ns+"/app", map[string]any{"a": "2"})
	n.apply(orphan)
	if again := n.awaitValue("orphan", "a", "2"); again.UID != left.UID || len(again.OwnerReferences) > 0 {
		t.Errorf("it is another one, or owned: %v", again.OwnerReferences)
	}

	n.do("", "create", "secret", "generic", "standing", "-n", n.ns, "--from-literal=a=mine")
	n.apply(external("standing", "vault", "NS/app", ""))
	n.awaitReady("standing", "SecretSyncedError", "SecretNotOwned: Secret standing exists and was not made by Countersign")
	n.awaitValue("standing", "a", "mine")
	n.do("", "annotate", "secret", "standing", "-n", n.ns, api.Adopt+"=standing")
	n.awaitValue("standing", "a", "2")

	n.apply(external("fixed", "vault", "NS/app", "target: {immutable: true}"))
	n.awaitReady("fixed", "SecretSynced", "secret synced")
	fixed := n.awaitValue("fixed", "a", "2")
	n.put(n.ns+"/app", map[string]any{"a": "3"})
	n.annotate("fixed", api.Resync+"=1")
	harness.Await(t, within, func(context.Context) error { return n.isSynced("fixed") })
	if again := n.awaitValue("fixed", "a", "2"); again.UID != fixed.UID || again.ResourceVersion != fixed.ResourceVersion {
		t.Errorf("an immutable Secret was written: %s", cmp.Diff(fixed, again))
	}
}

// isSynced holds where the status is of the object as it stands.
func (n *tenant) isSynced(name string) error {
	object := n.external(name)
	if synced := object.Sync.SyncedResync; synced != object.Annotations[api.Resync] {
		return fmt.Errorf("synced for resync %q", synced)
	}
	return nil
}

// Who asks to be polled is, within the interval; without news nothing is written.
func TestPeriodic(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.store("vault"), external("app", "vault", "NS/app", "refreshPolicy: Periodic\n  refreshInterval: 2s"))
	n.awaitReady("app", "SecretSynced", "secret synced")
	secret := n.awaitValue("app", "a", "1")
	mark := n.mark()
	harness.Await(t, within, func(context.Context) error {
		reads := 0
		for _, entry := range n.requestsSince(mark) {
			if entry.Object == n.ns+"/app" && entry.Kind() == harness.KindRead {
				reads++
			}
		}
		if reads < 3 {
			return fmt.Errorf("%d reads", reads)
		}
		return nil
	})
	now := n.awaitValue("app", "a", "1")
	if now.ResourceVersion != secret.ResourceVersion {
		t.Errorf("the Secret was written: %s", cmp.Diff(client.Object(secret), client.Object(now)))
	}
	n.put(n.ns+"/app", map[string]any{"a": "2"})
	n.awaitValue("app", "a", "2")
}
