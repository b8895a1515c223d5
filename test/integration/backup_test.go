package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// A backup is restored while Vault is away: the Secrets stay as they were
// restored, with their objects' statuses or without. Once they are handed over
// as docs/backup.md says, each is its new object's when Vault is back, for one
// read.
func TestBackupRestoredWithVaultAway(t *testing.T) {
	n := newTenant(t)
	names := []string{"with-status", "without-status"}
	for _, name := range names {
		n.put("kubernetes", name, map[string]any{"a": "1"})
		n.apply(name, vaultHead+"dataFrom: [kubernetes/data/NS/"+name+"]")
		n.awaitSynced(name)
	}
	objects, secrets := n.objects(), n.secrets()
	startVault := n.stopVault()
	n.lose(names...)
	for _, name := range names {
		n.restoreSecret(secrets[name])
		n.restoreObject(objects[name], name == "with-status")
		n.awaitReason(name, "SecretNotOwned")
	}
	restored := n.secrets()

	handOver := shellBlocks(t, "backup.md")[0]
	n.prompt().succeeds(strings.ReplaceAll(handOver, "team-a", n.ns))
	for _, name := range names {
		n.awaitReason(name, "VaultUnavailable")
		if diff := cmp.Diff(secrets[name].Data, n.secret(name).Data); diff != "" || n.secret(name).UID != restored[name].UID {
			t.Errorf("Secret %s was touched: %s", name, diff)
		}
	}
	mark := n.mark()
	startVault()
	for _, name := range names {
		owner := controlledBy("kubernetes-client.io/v1", "ExternalSecret", name, n.awaitSynced(name).UID)
		secret := n.secret(name)
		if diff := cmp.Diff(owner, secret.OwnerReferences); diff != "" || secret.UID != restored[name].UID {
			t.Errorf("Secret %s, UID %s: %s", name, secret.UID, diff)
		}
	}
	if reads := harness.CountRequests(n.requests(mark)).Read; reads != len(names) {
		t.Errorf("%d reads, want one for each of %d", reads, len(names))
	}
	n.apply("with-status", vaultHead+"data: [{name: b, key: kubernetes/data/NS/with-status, property: a}]")
	n.awaitSynced("with-status")
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "1"}, n.data("with-status")); diff != "" {
		t.Errorf("the restored key does not stay: %s", diff)
	}
}

// A Secret that comes back with the reference to its former owner is deleted by
// Kubernetes, and is there again when Vault is.
func TestBackupWithOwnerReferences(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	secret := n.secrets()["app"]
	startVault := n.stopVault()
	n.lose("app")
	owners := secret.OwnerReferences
	n.restoreSecret(secret)
	n.do("", "patch", "secret", "app", "-n", n.ns, "--type=merge", "-p", fmt.Sprintf(
		`{"metadata":{"ownerReferences":[{"apiVersion":"kubernetes-client.io/v1","kind":"ExternalSecret","name":"app","uid":%q}]}}`, owners[0].UID))
	n.awaitNoSecret("app")
	n.apply("app", appSpec)
	n.awaitReason("app", "VaultUnavailable")
	startVault()
	n.awaitSynced("app")
	if diff := cmp.Diff(map[string]string{"a": "1"}, n.data("app")); diff != "" {
		t.Error(diff)
	}
}

// An ExternalSecret that is deleted with --cascade=orphan leaves its Secret as
// it is. A new one of the name gets it when it is handed over.
func TestBackupKeepsTheSecretOfADeletedObject(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	before := n.secret("app")
	orphan := shellBlocks(t, "backup.md")[1]
	prompt := n.prompt()
	prompt.succeeds(strings.ReplaceAll(orphan, "team-a", n.ns))
	kept := n.secret("app")
	if diff := cmp.Diff(before.Data, kept.Data); diff != "" || kept.UID != before.UID || len(kept.OwnerReferences) > 0 {
		t.Errorf("owners %v: %s", kept.OwnerReferences, diff)
	}

	mark := n.mark()
	n.put("kubernetes", "app", map[string]any{"a": "2"})
	n.apply("app", appSpec)
	n.awaitReason("app", "SecretNotOwned")
	n.wantRequests(mark, harness.Counts{})
	if diff := cmp.Diff(kept, n.secret("app")); diff != "" {
		t.Errorf("the Secret was touched: %s", diff)
	}
	prompt.succeeds(strings.ReplaceAll(shellBlocks(t, "backup.md")[0], "team-a", n.ns))
	n.isTakenOver("app", n.awaitSynced("app"))
	if diff := cmp.Diff(map[string]string{"a": "2"}, n.data("app")); diff != "" {
		t.Error(diff)
	}
}

// stopVault until start is called, at the latest at the end of the test.
func (n *tenant) stopVault() (start func()) {
	n.t.Helper()
	if err := n.env.Vault.Stop(); err != nil {
		n.t.Fatal(err)
	}
	started := false
	start = func() {
		if !started {
			started = true
			if err := n.env.Vault.Restart(context.WithoutCancel(n.t.Context())); err != nil {
				n.t.Fatal(err)
			}
		}
	}
	n.t.Cleanup(start)
	return start
}

// lose objects and their Secrets.
func (n *tenant) lose(names ...string) {
	n.t.Helper()
	for _, kind := range []string{"externalsecret", "secret"} {
		n.do("", append([]string{"delete", kind, "-n", n.ns, "--cascade=orphan"}, names...)...)
	}
	for _, name := range names {
		n.hasNoSecret(name)
	}
}

// restoreSecret as a backup tool does, which leaves out what the apiserver sets
// and whom it belonged to.
func (n *tenant) restoreSecret(lost corev1.Secret) {
	n.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: lost.Namespace, Name: lost.Name, Labels: lost.Labels, Annotations: lost.Annotations},
		Data:       lost.Data, Type: lost.Type,
	}
	if err := n.env.Client.Create(n.t.Context(), secret, client.FieldOwner("backup-tool")); err != nil {
		n.t.Fatal(err)
	}
}

func (n *tenant) restoreObject(lost kesv1.ExternalSecret, withStatus bool) {
	n.t.Helper()
	object := &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: lost.Namespace, Name: lost.Name, Labels: lost.Labels, Annotations: lost.Annotations},
		Spec:       lost.Spec,
	}
	if err := n.env.Client.Create(n.t.Context(), object, client.FieldOwner("backup-tool")); err != nil {
		n.t.Fatal(err)
	}
	if !withStatus {
		return
	}
	harness.Await(n.t, within, func(ctx context.Context) error {
		if err := n.env.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		object.Status = lost.Status
		return n.env.Client.Status().Update(ctx, object)
	})
}

func (n *tenant) awaitNoSecret(name string) {
	n.t.Helper()
	harness.Await(n.t, gcWithin, func(ctx context.Context) error {
		err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: name}, &corev1.Secret{})
		switch {
		case err == nil:
			return errors.New("the Secret is still there")
		case apierrors.IsNotFound(err):
			return nil
		}
		return err
	})
}
