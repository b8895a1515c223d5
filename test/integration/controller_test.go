package integration

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// Point 7: five keys of one path are one login and one read.
func TestPoint7OneLoginOneRead(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"})
	if err := n.writeRole(t.Context(), n.ns); err != nil {
		t.Fatal(err)
	}
	mark := n.mark()
	items := make([]string, 0, 5)
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		items = append(items, "{name: "+key+", key: kubernetes/data/NS/app, property: "+key+"}")
	}
	spec := "backendType: vault\nvaultRole: NS\ndata: [" + strings.Join(items, ", ") + "]"
	n.apply("app", spec)
	n.awaitSynced("app")
	n.wantRequests(mark, harness.Counts{Login: 1, Read: 1})
	// A second object of the role logs in no more.
	n.apply("second", spec)
	n.awaitSynced("second")
	n.wantRequests(mark, harness.Counts{Login: 1, Read: 2})
	for _, request := range n.requests(mark) {
		if request.Kind() == harness.KindRead && request.Path != "kubernetes/data/"+n.ns+"/app" {
			t.Errorf("read %s", request.Path)
		}
	}
}

// A changed value alone does nothing; a changed spec and a resync each read
// once, and within two seconds.
func TestPoint7ReadsOncePerChange(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	spec := func(hash string) string {
		return vaultHead + "dataFrom: [kubernetes/data/NS/app]\ntemplate: {metadata: {annotations: {commit-hash: " + hash + "}}}"
	}
	n.apply("app", spec("aaa"))
	n.awaitSynced("app")
	mark := n.mark()
	n.put("kubernetes", "app", map[string]any{"a": "2"})
	n.apply("app", spec("aaa"))
	changes := []func(){
		func() { n.apply("app", spec("bbb")) },
		func() {
			n.put("kubernetes", "app", map[string]any{"a": "3"})
			n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=now")
		},
	}
	for i, change := range changes {
		change()
		object := n.awaitSynced("app")
		if got, want := n.data("app")["a"], strconv.Itoa(i+2); got != want {
			t.Errorf("after change %d the Secret holds %q, want %q", i, got, want)
		}
		n.wantRequests(mark, harness.Counts{Read: i + 1})
		stamped, _ := time.Parse(time.RFC3339Nano, object.Annotations[api.StampedAt])
		synced, _ := time.Parse(time.RFC3339Nano, object.Status.LastSync)
		if took := synced.Sub(stamped); took > 2*time.Second {
			t.Errorf("change %d took %v", i, took)
		}
	}
	if got := n.get("app").Status.SyncedResync; got != "now" {
		t.Errorf("syncedResync %q", got)
	}
}

// A restart reads nothing and writes nothing.
func TestPoint7Restart(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	names := []string{"one", "two", "three"}
	before := map[string]string{}
	for _, name := range names {
		n.apply(name, vaultHead+"dataFrom: [kubernetes/data/NS/app]")
		before[name] = n.awaitSynced(name).ResourceVersion
		before["Secret "+name] = n.secret(name).ResourceVersion
	}
	mark := n.mark()
	n.restart(t)
	// An object that is synced after the restart shows that the others' turn
	// has come.
	n.apply("after", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("after")
	after := map[string]string{}
	for _, name := range names {
		after[name] = n.get(name).ResourceVersion
		after["Secret "+name] = n.secret(name).ResourceVersion
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the restart wrote: %s", diff)
	}
	for _, request := range n.requests(mark) {
		if request.Object != n.ns+"/after" {
			t.Errorf("the restart sent %v", request)
		}
	}
}

// At rest Vault sees nothing, for a minute of real time.
func TestPoint7AtRest(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	object := n.awaitSynced("app")
	mark := n.mark()
	select {
	case <-time.After(time.Minute):
	case <-t.Context().Done():
	}
	n.wantRequests(mark, harness.Counts{})
	if now := n.get("app"); now.ResourceVersion != object.ResourceVersion {
		t.Error("the object was written")
	}
}

// A Secret that was deleted or tampered with comes back; a foreign label is
// nobody's business.
func TestControllerRestoresTheSecret(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2"})
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("app")
	want := map[string]string{"a": "1", "b": "2"}
	restored := func(context.Context) error {
		secret := &corev1.Secret{}
		if err := n.env.Client.Get(t.Context(), client.ObjectKey{Namespace: n.ns, Name: "app"}, secret); err != nil {
			return err
		}
		got := map[string]string{}
		for key, value := range secret.Data {
			got[key] = string(value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return errors.New(diff)
		}
		return nil
	}
	tampering := map[string][]string{
		"value changed":  {"patch", "secret", "app", "-n", n.ns, "--type=merge", "-p", `{"stringData":{"a":"evil"}}`},
		"key removed":    {"patch", "secret", "app", "-n", n.ns, "--type=json", "-p", `[{"op":"remove","path":"/data/b"}]`},
		"Secret deleted": {"delete", "secret", "app", "-n", n.ns},
	}
	for name, args := range tampering {
		mark := n.mark()
		n.do("", args...)
		harness.Await(t, within, restored)
		n.awaitSynced("app")
		harness.Await(t, within, func(context.Context) error {
			if n.get("app").Status.Secret.AppliedAt.IsZero() || len(n.requests(mark)) != 1 {
				return fmt.Errorf("%s: requests %v", name, n.requests(mark))
			}
			return nil
		})
	}
	mark := n.mark()
	n.do("", "label", "secret", "app", "-n", n.ns, "foreign=label")
	n.apply("second", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("second")
	n.wantRequests(mark, harness.Counts{Read: 1})
	if n.secret("app").Labels["foreign"] != "label" {
		t.Error("the foreign label is gone")
	}
}

// gcWithin: the garbage collector looks for new kinds every half minute.
const gcWithin = 90 * time.Second

// The Secret goes with its object, by Kubernetes' own garbage collection.
func TestControllerSecretGoesWithItsObject(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("app")
	n.do("", "delete", "externalsecret", "app", "-n", n.ns)
	harness.Await(t, gcWithin, func(ctx context.Context) error {
		err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: "app"}, &corev1.Secret{})
		if err == nil {
			return errors.New("the Secret is still there")
		}
		return client.IgnoreNotFound(err)
	})
}

// With Vault away Secrets stay, new objects wait with a clear condition, and
// they sync by themselves when it is back.
func TestControllerVaultAway(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	spec := vaultHead + "dataFrom: [kubernetes/data/NS/app]"
	n.apply("app", spec)
	n.awaitSynced("app")
	before := n.secret("app")
	if err := n.env.Vault.Stop(); err != nil {
		t.Fatal(err)
	}
	started := false
	start := func() {
		if !started {
			started = true
			if err := n.env.Vault.Restart(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(start)
	n.apply("waiting", spec)
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	for _, name := range []string{"waiting", "app"} {
		waiting := n.awaitReason(name, "VaultUnavailable")
		ready := apimeta.FindStatusCondition(waiting.Status.Conditions, api.ConditionReady)
		if ready.Status != metav1.ConditionFalse || waiting.Status.Retry == nil {
			t.Errorf("%s: %+v, retry %v", name, ready, waiting.Status.Retry)
		}
	}
	if diff := cmp.Diff(before, n.secret("app")); diff != "" {
		t.Errorf("the Secret was touched: %s", diff)
	}
	start()
	n.awaitSynced("waiting")
	n.awaitSynced("app")
}

// Suspended, an object is left alone; resumed, it catches up.
func TestControllerSuspend(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	spec := vaultHead + "dataFrom: [kubernetes/data/NS/app]"
	n.apply("app", spec)
	n.awaitSynced("app")
	mark := n.mark()
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/suspend=true", "countersign.dev/resync=1")
	n.apply("other", spec)
	n.awaitSynced("other")
	n.wantRequests(mark, harness.Counts{Read: 1})
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/suspend-")
	n.awaitSynced("app")
	n.wantRequests(mark, harness.Counts{Read: 2})
}

// What kubernetes-external-secrets has synced counts as synced: taking over
// reads nothing until the next change.
func TestControllerTakesOverFromKES(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	if err := n.process.Stop(); err != nil {
		t.Fatal(err)
	}
	validating := "validatingwebhookconfiguration"
	n.do("", "patch", validating, "countersign", "--type=json", "-p", `[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]`)
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.do("", "patch", validating, "countersign", "--type=json", "-p", `[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Fail"}]`)
	object := n.get("app")
	object.Status = kesv1.ExternalSecretStatus{Status: "SUCCESS", ObservedGeneration: object.Generation, LastSync: "2022-03-23T10:00:00.000Z"}
	if err := n.env.Client.Status().Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: "app", OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "kubernetes-client.io/v1", Kind: "ExternalSecret", Name: "app", UID: object.UID}}},
		StringData: map[string]string{"a": "as KES left it"},
	}
	if err := n.env.Client.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	mark := n.mark()
	if err := n.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.awaitReason("app", "Synced")
	if got := n.data("app")["a"]; got != "as KES left it" {
		t.Errorf("the Secret holds %q", got)
	}
	n.wantRequests(mark, harness.Counts{})
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.awaitSynced("app")
	if got := n.data("app")["a"]; got != "1" {
		t.Errorf("the Secret holds %q", got)
	}
}
