package synceso

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/test/harness"
)

// Point 3: status, events and columns are those that ESO's users know; what else
// stands in the object survives.
func TestStatus(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.store("vault"), external("app", "vault", "NS/app", ""))
	n.awaitValue("app", "a", "1")
	n.awaitReady("app", "SecretSynced", "secret synced")
	object := &esov1.ExternalSecret{}
	// It is of the object with what is remembered of it, which is written last.
	harness.Await(t, within, func(context.Context) error {
		object = n.external("app")
		if got := object.Status.SyncedResourceVersion; got != esov1.SyncedVersion(object) {
			return fmt.Errorf("syncedResourceVersion %q, want %q", got, esov1.SyncedVersion(object))
		}
		return nil
	})
	if object.Status.RefreshTime == nil || object.Status.Binding.Name != "app" {
		t.Errorf("status %+v", object.Status)
	}
	columns := strings.Fields(n.do("", "get", "externalsecrets.external-secrets.io", "app", "-n", n.ns, "--no-headers"))
	if !strings.Contains(strings.Join(columns, " "), "SecretSynced True") {
		t.Errorf("kubectl get shows %v", columns)
	}
	n.awaitEvent("app", "Created")

	n.do("", "patch", "externalsecrets.external-secrets.io", "app", "-n", n.ns, "--subresource=status", "--type=json",
		`-p=[{"op": "add", "path": "/status/conditions/-", "value": {"type": "Deleted", "status": "False", "reason": "Mine"}}]`)
	n.put(n.ns+"/app", map[string]any{"a": "2"})
	n.annotate("app", api.Resync+"=1")
	n.awaitValue("app", "a", "2")
	n.awaitEvent("app", "Updated")
	if text := fmt.Sprint(n.external("app").Status.Conditions); !strings.Contains(text, "Mine") {
		t.Errorf("a condition of somebody else is gone: %s", text)
	}
	n.apply(external("gone", "vault", "NS/none", ""))
	n.awaitReady("gone", "SecretSyncedError", "VaultNotFound: spec.dataFrom[0].extract.key")
	n.awaitEvent("gone", "UpdateFailed")
}

func (n *tenant) awaitEvent(name, reason string) {
	n.t.Helper()
	harness.Await(n.t, within, func(ctx context.Context) error {
		list := &corev1.EventList{}
		if err := n.env.Client.List(ctx, list, client.InNamespace(n.ns)); err != nil {
			return err
		}
		for i := range list.Items {
			if list.Items[i].InvolvedObject.Name == name && list.Items[i].Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("no event %s of %s", reason, name)
	})
}

// One read for each stamp, resync or change of the store, and none for anything
// else: not for ESO's default interval of an hour, not for other annotations.
func TestOneReadPerChange(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.put(n.ns+"/other", map[string]any{"a": "other"})
	n.apply(n.store("vault"), n.store("second"), external("app", "vault", "NS/app", "refreshPolicy: CreatedOnce"), external("beside", "second", "NS/other", ""))
	n.awaitValue("app", "a", "1")
	n.awaitValue("beside", "a", "other")

	steps := []struct {
		name string
		do   func()
		want int
	}{
		{"another annotation", func() { n.annotate("app", "x=y") }, 0},
		{"resync", func() { n.annotate("app", api.Resync+"=1") }, 1},
		{"force-sync", func() { n.annotate("app", "force-sync=1") }, 1},
		{"the store", func() {
			n.do("", "patch", "secretstores.external-secrets.io", "vault", "-n", n.ns, "--type=merge", `-p={"spec": {"retrySettings": {"maxRetries": 3}}}`)
		}, 1},
		{"a Secret that is deleted", func() { n.do("", "delete", "secret", "app", "-n", n.ns) }, 1},
		{"a value that somebody changes", func() {
			n.do("", "patch", "secret", "app", "-n", n.ns, "--type=merge", `-p={"stringData": {"a": "tampered"}}`)
		}, 1},
	}
	for i, step := range steps {
		value := strconv.Itoa(i + 2)
		n.put(n.ns+"/app", map[string]any{"a": value})
		mark := n.mark()
		step.do()
		if step.want > 0 {
			n.awaitValue("app", "a", value)
		} else {
			// What comes after shows that it was looked at.
			n.apply(external(fmt.Sprintf("after-%d", i), "second", "NS/other", ""))
			n.awaitValue(fmt.Sprintf("after-%d", i), "a", "other")
		}
		got := 0
		for _, entry := range n.requestsSince(mark) {
			if entry.Path == "secret/data/"+n.ns+"/app" {
				got++
			}
		}
		if got != step.want {
			t.Errorf("%s: %d reads, want %d", step.name, got, step.want)
		}
	}
}

// Two objects add to a Secret of somebody else's, each its own keys; what is
// there with another value stays, and is told.
func TestMergesStayApart(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/a", map[string]any{"a": "1"})
	n.put(n.ns+"/b", map[string]any{"b": "2"})
	n.put(n.ns+"/mine", map[string]any{"mine": "theirs"})
	n.do("", "create", "secret", "generic", "joint", "-n", n.ns, "--from-literal=mine=precious")
	merge := "target: {name: joint, creationPolicy: Merge}"
	n.apply(n.store("vault"), external("a", "vault", "NS/a", merge), external("b", "vault", "NS/b", merge), external("taker", "vault", "NS/mine", merge))
	n.awaitValue("joint", "a", "1")
	n.awaitValue("joint", "b", "2")
	n.awaitReady("taker", "SecretSyncedError", "SecretNotOwned: Secret joint has other values there that somebody else owns: .data.mine")
	n.awaitValue("joint", "mine", "precious")
	n.put(n.ns+"/a", map[string]any{"c": "3"})
	n.annotate("a", api.Resync+"=1")
	secret := n.awaitValue("joint", "c", "3")
	if diff := cmp.Diff(map[string][]byte{"b": []byte("2"), "c": []byte("3"), "mine": []byte("precious")}, secret.Data); diff != "" {
		t.Error(diff)
	}
}

// A target that gets another name takes its Secret with it.
func TestTargetIsRenamed(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.store("vault"), external("app", "vault", "NS/app", ""))
	n.awaitValue("app", "a", "1")
	n.apply(external("app", "vault", "NS/app", "target: {name: other}"))
	n.awaitValue("other", "a", "1")
	harness.Await(t, within, func(ctx context.Context) error {
		if err := n.get(ctx, "app", &corev1.Secret{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the former Secret: %w", err)
		}
		return nil
	})
}

// ESO's finalizer, where ESO does not run, keeps no object that Countersign has
// synced, and does keep ESO's own.
func TestFinalizerOfESO(t *testing.T) {
	const finalizer = `-p={"metadata": {"finalizers": ["externalsecrets.external-secrets.io/externalsecret-cleanup"]}}`
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	ofESO := strings.Replace(n.store("of-eso"), "  controller: countersign\n", "", 1)
	n.apply(n.store("vault"), ofESO, external("app", "vault", "NS/app", ""), external("other", "of-eso", "NS/app", ""))
	n.awaitValue("app", "a", "1")
	for _, name := range []string{"app", "other"} {
		n.do("", "patch", "externalsecrets.external-secrets.io", name, "-n", n.ns, "--type=merge", finalizer)
	}
	n.do("", "delete", "externalsecrets.external-secrets.io", "other", "app", "-n", n.ns, "--wait=false")
	harness.Await(t, within, func(ctx context.Context) error {
		if err := n.get(ctx, "app", &esov1.ExternalSecret{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("still there: %w", err)
		}
		return nil
	})
	if len(n.external("other").Finalizers) != 1 {
		t.Error("ESO's own was let go")
	}
}

// Point 5: a Secret that ESO has made is taken over as it is, when its store
// gets the class, and stays when the store is given back.
func TestHandover(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	ofESO := strings.Replace(n.store("vault"), "  controller: countersign\n", "", 1)
	n.apply(ofESO, external("app", "vault", "NS/app", ""))
	left := n.leaveAsESO("app", map[string]string{"a": "1", "stale": "x"})
	n.apply(n.store("vault"))
	n.awaitReady("app", "SecretSynced", "secret synced")
	secret := n.awaitValue("app", "a", "1")
	if secret.UID != left.UID {
		t.Error("the Secret is another one")
	}
	if diff := cmp.Diff(map[string][]byte{"a": []byte("1")}, secret.Data); diff != "" {
		t.Errorf("what ESO owned, and nobody asks for: %s", diff)
	}
	mark := n.mark()
	n.apply(ofESO)
	n.annotate("app", api.Resync+"=1")
	n.apply(n.store("second"), external("after", "second", "NS/app", ""))
	n.awaitValue("after", "a", "1")
	if again := n.awaitValue("app", "a", "1"); again.ResourceVersion != secret.ResourceVersion {
		t.Error("a Secret of ESO's was written")
	}
	for _, entry := range n.requestsSince(mark) {
		if entry.Object == n.ns+"/app" {
			t.Errorf("Vault was asked for %s", entry.Path)
		}
	}
}

// leaveAsESO creates the Secret as ESO 2.9.0 does.
func (n *tenant) leaveAsESO(name string, data map[string]string) *corev1.Secret {
	n.t.Helper()
	owner := metav1.NewControllerRef(n.external(name), esov1.GroupVersion().WithKind(esov1.KindExternalSecret))
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: n.ns, Name: name, OwnerReferences: []metav1.OwnerReference{*owner},
			Labels:      map[string]string{"reconcile.external-secrets.io/managed": "true", "reconcile.external-secrets.io/created-by": "hash"},
			Annotations: map[string]string{"reconcile.external-secrets.io/data-hash": "hash"},
		},
		StringData: data,
	}
	if err := n.env.Client.Create(n.t.Context(), secret, client.FieldOwner("externalsecrets.external-secrets.io/"+name)); err != nil {
		n.t.Fatal(err)
	}
	return secret
}

// What policy forbids is refused, and where it slipped in before, or is racing
// with a store, is never read.
func TestPairsThatRaceReadNothingForbidden(t *testing.T) {
	n := newTenant(t)
	n.put("other/app", map[string]any{"a": "forbidden"})
	mark := n.mark()
	const pairs = 100
	results := make(chan error, 2*pairs)
	for i := range pairs {
		name := fmt.Sprintf("pair-%d", i)
		for _, manifest := range []string{strings.Replace(n.store(name), "name: vault", "name: "+name, 1), external(name, name, "other/app", "")} {
			go func() {
				output, err := n.env.Kubectl(t.Context(), n.text(manifest), "create", "-f", "-")
				if err == nil && output.ExitCode != 0 && !strings.Contains(output.Stderr, "is not allowed") {
					err = errors.New(output.Stderr)
				}
				results <- err
			}()
		}
		for range 2 {
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
	}
	// Whatever slipped through is judged again, and told.
	list := &esov1.ExternalSecretList{}
	if err := n.env.Client.List(t.Context(), list, client.InNamespace(n.ns)); err != nil {
		t.Fatal(err)
	}
	slipped := 0
	for i := range list.Items {
		store := &esov1.SecretStore{}
		if n.get(t.Context(), list.Items[i].Name, store) == nil {
			n.awaitReady(list.Items[i].Name, "SecretSyncedError", "PolicyDenied")
			slipped++
		}
	}
	t.Logf("%d of %d pairs slipped through admission", slipped, pairs)
	for _, entry := range n.requestsSince(mark) {
		if strings.HasPrefix(entry.Path, "secret/data/other") {
			t.Errorf("a forbidden path reached Vault: %s for %s", entry.Path, entry.Object)
		}
	}
}

// A store of ours has the status that ESO's users and tools wait for, without a
// request to Vault; ESO's own is left to ESO. What ESO cannot be told of, such as
// an object that is read once, Countersign does, and does not warn of.
func TestStoreStatus(t *testing.T) {
	n := newTenant(t)
	mark := n.mark()
	ofESO := strings.Replace(n.store("of-eso"), "  controller: countersign\n", "", 1)
	n.apply(n.store("vault"), ofESO)
	n.awaitStore("vault", "True", "Valid")
	if status := n.storeStatus("of-eso"); len(status.Conditions) > 0 {
		t.Errorf("ESO's store: %+v", status)
	}
	if sent := n.ownSince(mark); len(sent) > 0 {
		t.Errorf("Vault was asked: %+v", sent)
	}
	output, err := n.env.Kubectl(t.Context(), n.text(external("once", "vault", "NS/app", "refreshPolicy: CreatedOnce")), "apply", "-f", "-")
	if err != nil || output.ExitCode != 0 || strings.Contains(output.Stderr, "Warning") {
		t.Errorf("%v: %s", err, output.Stderr)
	}
}

func (n *tenant) storeStatus(name string) esov1.SecretStoreStatus {
	n.t.Helper()
	store := &esov1.SecretStore{}
	if err := n.get(n.t.Context(), name, store); err != nil {
		n.t.Fatal(err)
	}
	return store.Status
}

func (n *tenant) awaitStore(name, status, reason string) {
	n.t.Helper()
	harness.Await(n.t, within, func(context.Context) error {
		for _, one := range n.storeStatus(name).Conditions {
			if one.Type == "Ready" && string(one.Status) == status && one.Reason == reason {
				return nil
			}
		}
		return fmt.Errorf("status %+v", n.storeStatus(name))
	})
}
