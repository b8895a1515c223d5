package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

const appSpec = vaultHead + "dataFrom: [kubernetes/data/NS/app]"

// applySuspended has the object admitted and left alone.
func (n *tenant) applySuspended(name, spec string) *kesv1.ExternalSecret {
	n.t.Helper()
	manifest := strings.Replace(n.manifest(name, spec), "namespace: "+n.ns, "namespace: "+n.ns+`, annotations: {countersign.dev/suspend: "true"}`, 1)
	n.do(manifest, "apply", "-f", "-")
	return n.get(name)
}

func (n *tenant) resume(name string) {
	n.t.Helper()
	n.do("", "annotate", "externalsecret", name, "-n", n.ns, "countersign.dev/suspend-")
}

// resync has the object app read again.
func (n *tenant) resync(value string) {
	n.t.Helper()
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "--overwrite", "countersign.dev/resync="+value)
}

// retype applies the object with a template's type of its own.
func (n *tenant) retype(name, secretType string) {
	n.t.Helper()
	n.apply(name, appSpec+"\ntemplate: {type: "+secretType+"}")
}

// message is that of the Ready condition.
func message(object *kesv1.ExternalSecret) string {
	return apimeta.FindStatusCondition(object.Status.Conditions, api.ConditionReady).Message
}

// events are the reasons of an object's events with their messages.
func (n *tenant) events(name string) string {
	n.t.Helper()
	return n.do("", "get", "events", "-n", n.ns, "--field-selector=involvedObject.name="+name,
		"-o", `jsonpath={range .items[*]}{.reason}: {.message}{"\n"}{end}`)
}

// versions follows a Secret from now on: type and value a, each time that they
// change, and "gone".
func (n *tenant) versions(name string) (seen func() []string) {
	n.t.Helper()
	return n.follow(name, describeVersion)
}

// follow tells a Secret's description from now on, each time that it changes.
func (n *tenant) follow(name string, describe func(watch.Event) string) (seen func() []string) {
	n.t.Helper()
	watcher, err := n.env.Client.Watch(n.t.Context(), &corev1.SecretList{}, client.InNamespace(n.ns), client.MatchingFields{"metadata.name": name})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(watcher.Stop)
	var all []string
	return func() []string {
		for {
			select {
			case event := <-watcher.ResultChan():
				if version := describe(event); len(all) == 0 || all[len(all)-1] != version {
					all = append(all, version)
				}
			default:
				return all
			}
		}
	}
}

func describeVersion(event watch.Event) string {
	secret, ok := event.Object.(*corev1.Secret)
	if !ok || event.Type == watch.Deleted {
		return "gone"
	}
	return string(secret.Type) + " a=" + string(secret.Data["a"])
}

func (n *tenant) awaitVersions(seen func() []string, want ...string) {
	n.t.Helper()
	harness.Await(n.t, within, func(context.Context) error {
		if diff := cmp.Diff(want, seen()); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

func controlledBy(apiVersion, kind, name string, uid types.UID) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: name, UID: uid, Controller: new(true)}}
}

// The ownership table of the design, row by row: what becomes of the Secret
// that stands at the object's name.
func TestWritingOwnership(t *testing.T) {
	ours := map[string]string{"app.kubernetes.io/managed-by": "countersign"}
	tests := map[string]struct {
		// standing is the Secret that is there; nil is none.
		standing func(n *tenant, object *kesv1.ExternalSecret) *corev1.Secret
		reason   string
		want     map[string]string
	}{
		"none": {
			func(*tenant, *kesv1.ExternalSecret) *corev1.Secret { return nil },
			"Synced", map[string]string{"a": "1"},
		},
		"ours, stale UID": {
			func(_ *tenant, object *kesv1.ExternalSecret) *corev1.Secret {
				// In a version that is served no more, so that the garbage collector
				// cannot look for the owner and is not first.
				return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
					Labels: ours, OwnerReferences: controlledBy("kubernetes-client.io/v0", "ExternalSecret", object.Name, "earlier"),
				}}
			},
			"Synced", map[string]string{"a": "1", "foreign": "f"},
		},
		"of kubernetes-external-secrets": {
			func(_ *tenant, object *kesv1.ExternalSecret) *corev1.Secret {
				return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
					OwnerReferences: controlledBy("kubernetes-client.io/v1", "ExternalSecret", object.Name, object.UID),
				}}
			},
			"Synced", map[string]string{"a": "1", "foreign": "f"},
		},
		"no owner": {
			func(*tenant, *kesv1.ExternalSecret) *corev1.Secret { return &corev1.Secret{} },
			"SecretNotOwned", map[string]string{"a": "old", "left": "l", "foreign": "f"},
		},
		"no owner, handed over": {
			func(_ *tenant, object *kesv1.ExternalSecret) *corev1.Secret {
				return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{api.Adopt: object.Name}}}
			},
			"Synced", map[string]string{"a": "1", "left": "l", "foreign": "f"},
		},
		"no owner, handed over to another": {
			func(*tenant, *kesv1.ExternalSecret) *corev1.Secret {
				return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{api.Adopt: "another"}}}
			},
			"SecretNotOwned", map[string]string{"a": "old", "left": "l", "foreign": "f"},
		},
		"another owner, even if handed over": {
			func(n *tenant, object *kesv1.ExternalSecret) *corev1.Secret {
				owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: "owner"}}
				if err := n.env.Client.Create(n.t.Context(), owner); err != nil {
					n.t.Fatal(err)
				}
				return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
					Labels: ours, Annotations: map[string]string{api.Adopt: object.Name},
					OwnerReferences: controlledBy("v1", "ConfigMap", "owner", owner.UID),
				}}
			},
			"SecretNotOwned", map[string]string{"a": "old", "left": "l", "foreign": "f"},
		},
		"another ExternalSecret's": {
			func(n *tenant, _ *kesv1.ExternalSecret) *corev1.Secret {
				another := n.applySuspended("another", appSpec)
				return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
					Labels: ours, OwnerReferences: controlledBy("kubernetes-client.io/v1", "ExternalSecret", "another", another.UID),
				}}
			},
			"SecretNotOwned", map[string]string{"a": "old", "left": "l", "foreign": "f"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t)
			n.put("kubernetes", "app", map[string]any{"a": "1"})
			object := n.applySuspended("app", appSpec)
			before := n.place(tc.standing(n, object), "app")
			mark := n.mark()
			n.resume("app")
			n.awaitReason("app", tc.reason)
			if diff := cmp.Diff(tc.want, n.data("app")); diff != "" {
				t.Error(diff)
			}
			if tc.reason == "Synced" {
				n.isTakenOver("app", object)
				return
			}
			n.wantRequests(mark, harness.Counts{})
			if diff := cmp.Diff(before, n.secret("app")); diff != "" {
				t.Errorf("the Secret was touched: %s", diff)
			}
		})
	}
}

// place creates the Secret with data as its maker left it, and a foreign key
// that somebody else added.
func (n *tenant) place(secret *corev1.Secret, name string) *corev1.Secret {
	n.t.Helper()
	if secret == nil {
		return nil
	}
	secret.Namespace, secret.Name = n.ns, name
	secret.StringData = map[string]string{"a": "old", "left": "l"}
	if err := n.env.Client.Create(n.t.Context(), secret, client.FieldOwner("its-maker")); err != nil {
		n.t.Fatal(err)
	}
	n.do("", "patch", "secret", name, "-n", n.ns, "--field-manager=somebody", "--type=merge", "-p", `{"stringData":{"foreign":"f"}}`)
	return n.secret(name)
}

// isTakenOver: one owner, the object; one writer of what was asked for, who
// applies it.
func (n *tenant) isTakenOver(name string, owner *kesv1.ExternalSecret) {
	n.t.Helper()
	secret := n.secret(name)
	want := controlledBy("kubernetes-client.io/v1", "ExternalSecret", name, owner.UID)
	if diff := cmp.Diff(want, secret.OwnerReferences); diff != "" {
		n.t.Error(diff)
	}
	for _, entry := range secret.ManagedFields {
		fields := string(entry.FieldsV1.GetRawBytes())
		ours := entry.Manager == "countersign" && entry.Operation == metav1.ManagedFieldsOperationApply
		if !ours && (strings.Contains(fields, `"f:a"`) || strings.Contains(fields, "ownerReferences")) {
			n.t.Errorf("%s (%s) still owns %s", entry.Manager, entry.Operation, fields)
		}
	}
}

// A Secret that somebody else creates while ours is on its way stays theirs.
func TestWritingMergesIntoNobodysSecret(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	var placed atomic.Pointer[corev1.Secret]
	n.duringWrites(func(ctx context.Context, operation admissionv1.Operation) error {
		theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: "late"}, StringData: map[string]string{"foreign": "f"}}
		if operation != admissionv1.Create || !placed.CompareAndSwap(nil, theirs) {
			return nil
		}
		return n.env.Client.Create(ctx, theirs)
	})
	n.apply("late", appSpec)
	n.awaitReason("late", "SecretNotOwned")
	if placed.Load() == nil {
		t.Fatal("nothing was created in between")
	}
	if diff := cmp.Diff(placed.Load().ResourceVersion, n.secret("late").ResourceVersion); diff != "" {
		t.Errorf("the Secret was touched: %s", diff)
	}
}

// A conflict that is not about the Secret is none of ours: a ResourceQuota counts
// one Secret at a time.
func TestWritingCreatesAfterAnothersConflict(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	var calls atomic.Int32
	n.duringWrites(func(_ context.Context, operation admissionv1.Operation) error {
		if operation == admissionv1.Create && calls.Add(1) == 1 {
			return apierrors.NewConflict(corev1.Resource("resourcequotas"), "secrets", errors.New("it was counted meanwhile"))
		}
		return nil
	})
	mark := n.mark()
	n.apply("late", appSpec)
	n.awaitSynced("late")
	n.wantRequests(mark, harness.Counts{Read: 1})
	if got := calls.Load(); got != 2 {
		t.Errorf("%d writes, want another after the first", got)
	}
}

// A resync that finds the same values writes nothing, from the first one on.
func TestWritingNothingNew(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	before := n.secret("app")
	mark := n.mark()
	for _, value := range []string{"one", "two"} {
		n.resync(value)
		n.awaitSynced("app")
	}
	n.wantRequests(mark, harness.Counts{Read: 2})
	if diff := cmp.Diff(before, n.secret("app")); diff != "" {
		t.Errorf("the Secret was written: %s", diff)
	}
}

// One read that fails is enough for nothing to be written.
func TestWritingAllOrNothing(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	before := n.secret("app")
	n.put("kubernetes", "app", map[string]any{"a": "2"})
	both := vaultHead + "dataFrom: [kubernetes/data/NS/app, kubernetes/data/NS/none]"
	n.apply("app", both)
	n.apply("new", both)
	n.awaitReason("app", "VaultNotFound")
	n.awaitReason("new", "VaultNotFound")
	if diff := cmp.Diff(before, n.secret("app")); diff != "" {
		t.Errorf("the Secret was written: %s", diff)
	}
	n.hasNoSecret("new")
}

// What Kubernetes lets nobody change is created anew, for one read, and told.
func TestWritingRecreates(t *testing.T) {
	const immutable = "\ntemplate: {immutable: true}"
	tests := map[string]struct {
		before, after string
		value         string
		versions      []string
		why           string
	}{
		"immutable, another value": {appSpec + immutable, appSpec + immutable, "2", []string{"Opaque a=1", "gone", "Opaque a=2"}, "it is immutable"},
		"immutable no more":        {appSpec + immutable, appSpec, "1", []string{"Opaque a=1", "gone", "Opaque a=1"}, "it is immutable"},
		"immutable from now on":    {appSpec, appSpec + immutable, "2", []string{"Opaque a=1", "Opaque a=2"}, ""},
		"immutable, same value":    {appSpec + immutable, appSpec + immutable, "1", []string{"Opaque a=1"}, ""},
		"another type": {
			appSpec, appSpec + "\ntemplate: {type: example.com/cool}", "2",
			[]string{"Opaque a=1", "gone", "example.com/cool a=2"}, "the type of a Secret cannot be changed",
		},
		"immutable, another type": {
			appSpec + immutable, appSpec + "\ntemplate: {type: example.com/cool, immutable: true}", "2",
			[]string{"Opaque a=1", "gone", "example.com/cool a=2"}, "cannot be changed",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t)
			n.put("kubernetes", "app", map[string]any{"a": "1"})
			n.apply("app", tc.before)
			n.awaitSynced("app")
			seen := n.versions("app")
			mark := n.mark()
			n.put("kubernetes", "app", map[string]any{"a": tc.value})
			n.apply("app", tc.after)
			n.resync("changed")
			object := n.awaitSynced("app")
			n.awaitVersions(seen, tc.versions...)
			n.isTakenOver("app", object)
			if reads := harness.CountRequests(n.requests(mark)).Read; reads > 2 {
				t.Errorf("%d reads for a change of the spec and a resync", reads)
			}
			told := strings.Count(n.events("app"), "SecretRecreated: Secret app is deleted and created anew")
			if want := strings.Count(strings.Join(tc.versions, " "), "gone"); told != want || !strings.Contains(n.events("app"), tc.why) {
				t.Errorf("told %d times, want %d: %s", told, want, n.events("app"))
			}
		})
	}
}

// Once the old Secret is gone the object is not left without one: what fails
// then is tried again at once, without a second read.
func TestWritingRecreatesAtOnce(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	seen := n.versions("app")
	var refusals atomic.Int32
	n.duringWrites(func(_ context.Context, operation admissionv1.Operation) error {
		if operation == admissionv1.Create && refusals.Add(1) == 1 {
			return errors.New("not this time")
		}
		return nil
	})
	mark := n.mark()
	n.retype("app", "example.com/cool")
	object := n.awaitSynced("app")
	n.awaitVersions(seen, "Opaque a=1", "gone", "example.com/cool a=1")
	n.wantRequests(mark, harness.Counts{Read: 1})
	if events := n.events("app"); strings.Contains(events, "SecretRefused") || object.Status.Retry != nil {
		t.Errorf("it waited: %s", events)
	}
}

// A Secret that would have to go first stays where the new one is refused, and
// why is told without a word of what the apiserver said.
func TestWritingRefusedKeepsTheSecret(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	for _, name := range []string{"app", "held"} {
		n.apply(name, appSpec)
		n.awaitSynced(name)
	}
	n.do("", "patch", "secret", "held", "-n", n.ns, "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/hold"]}}`)
	before := map[string]*corev1.Secret{"app": n.secret("app"), "held": n.secret("held")}
	n.put("kubernetes", "app", map[string]any{"a": canary})
	n.retype("app", "kubernetes.io/dockerconfigjson")
	n.retype("held", "example.com/cool")
	want := map[string]string{
		"app":  "the apiserver refuses the Secret: Invalid; data[.dockerconfigjson]: FieldValueRequired",
		"held": "the Secret has to be created anew, since the type of a Secret cannot be changed; its finalizers (example.com/hold) keep it from being deleted: remove them",
	}
	for name, told := range want {
		if diff := cmp.Diff(told, message(n.awaitReason(name, "SecretRefused"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(before[name], n.secret(name)); diff != "" {
			t.Errorf("%s was touched: %s", name, diff)
		}
		if told := n.events(name); strings.Contains(told, "SecretRecreated") || !strings.Contains(told, "SecretRefused") {
			t.Errorf("events of %s: %s", name, told)
		}
	}
	if logs, err := n.process.Logs(); err != nil || strings.Contains(logs, canary) {
		t.Errorf("the canary stands in the logs; error %v", err)
	}
	n.do("", "patch", "secret", "held", "-n", n.ns, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	for _, name := range []string{"app", "held"} {
		n.retype(name, "example.com/mended")
		n.awaitSynced(name)
		if got := n.secret(name); got.Type != "example.com/mended" || got.UID == before[name].UID {
			t.Errorf("%s has type %s", name, got.Type)
		}
	}
}

// A quota without room costs no Secret: neither one that is new nor one that
// has to be created anew.
func TestWritingOverQuota(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	before := n.secret("app")
	n.setQuota(1)
	n.retype("app", "example.com/cool")
	n.apply("new", appSpec)
	for _, name := range []string{"app", "new"} {
		const want = "the apiserver refuses the Secret: Forbidden; a ResourceQuota of the namespace has no room for it"
		if diff := cmp.Diff(want, message(n.awaitReason(name, "SecretRefused"))); diff != "" {
			t.Error(diff)
		}
	}
	n.hasNoSecret("new")
	if diff := cmp.Diff(before, n.secret("app")); diff != "" {
		t.Errorf("the Secret was touched: %s", diff)
	}
	// A changed value needs no room.
	n.put("kubernetes", "app", map[string]any{"a": "2"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	if got := n.data("app")["a"]; got != "2" {
		t.Errorf("the Secret holds %q", got)
	}
	// With room it syncs by itself.
	n.setQuota(10)
	n.awaitSynced("new")
}

// setQuota stands in for the controller that counts: one Secret is in use.
func (n *tenant) setQuota(hard int64) {
	n.t.Helper()
	limits := corev1.ResourceList{"secrets": *resource.NewQuantity(hard, resource.DecimalSI)}
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: "secrets"}, Spec: corev1.ResourceQuotaSpec{Hard: limits}}
	if err := n.env.Client.Create(n.t.Context(), quota); err != nil && !apierrors.IsAlreadyExists(err) {
		n.t.Fatal(err)
	}
	full := func(ctx context.Context) error {
		if err := n.env.Client.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		quota.Status = corev1.ResourceQuotaStatus{Hard: limits, Used: corev1.ResourceList{"secrets": resource.MustParse("1")}}
		if err := n.env.Client.Status().Update(ctx, quota); err != nil {
			return err
		}
		probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: "probe"}}
		err := n.env.Client.Create(ctx, probe, client.DryRunAll)
		if isFull := apierrors.IsForbidden(err); isFull != (hard <= 1) {
			return fmt.Errorf("the quota is not in force yet: %w", errors.Join(err))
		}
		return nil
	}
	harness.Await(n.t, within, full)
}

// A namespace that is being deleted is left alone: no request to Vault, no
// event, no condition, however long an object stands in it.
func TestWritingInANamespaceThatEnds(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	n.awaitSynced("app")
	release := n.keepObjects()
	events := n.events("app")
	n.do("", "delete", "namespace", n.ns, "--wait=false")
	harness.Await(t, within, func(ctx context.Context) error {
		err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: "app"}, &corev1.Secret{})
		if err == nil {
			return errors.New("the Secret is still there")
		}
		return client.IgnoreNotFound(err)
	})
	before, mark := n.get("app"), n.mark()
	n.resync("in vain")
	// Another namespace's change that is synced shows that the turn has come.
	other := newTenant(t)
	other.put("kubernetes", "app", map[string]any{"a": "1"})
	other.apply("app", appSpec)
	other.awaitSynced("app")
	n.wantRequests(mark, harness.Counts{})
	if diff := cmp.Diff(before.Status, n.get("app").Status); diff != "" {
		t.Errorf("the status was written: %s", diff)
	}
	// Those of before may be deleted already.
	for line := range strings.Lines(n.events("app")) {
		if !strings.Contains(events, line) {
			t.Errorf("an event was sent: %s", line)
		}
	}
	logs, err := n.process.Logs()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(logs) {
		if strings.Contains(line, n.ns) && strings.Contains(line, "Reconciler error") {
			t.Errorf("it was tried: %s", line)
		}
	}
	release()
	harness.Await(t, gcWithin, func(ctx context.Context) error {
		err := n.env.Client.Get(ctx, client.ObjectKey{Name: n.ns}, &corev1.Namespace{})
		if err == nil {
			return errors.New("the namespace is still there")
		}
		return client.IgnoreNotFound(err)
	})
}

// keepObjects has the apiserver refuse to delete the tenant's ExternalSecrets.
func (n *tenant) keepObjects() (release func()) {
	n.t.Helper()
	manifest := strings.ReplaceAll(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: keep-NS}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [kubernetes-client.io], apiVersions: ["*"], operations: [DELETE], resources: [externalsecrets]}]
  validations: [{expression: "false"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: keep-NS}
spec:
  policyName: keep-NS
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}}
`, "NS", n.ns)
	n.do(manifest, "apply", "-f", "-")
	harness.Await(n.t, within, func(context.Context) error {
		if output := n.kubectl("", "delete", "externalsecret", "app", "-n", n.ns, "--dry-run=server"); output.ExitCode == 0 {
			return errors.New("the policy is not in force yet")
		}
		return nil
	})
	released := false
	release = func() {
		if !released {
			released = true
			n.do(manifest, "delete", "-f", "-")
		}
	}
	n.t.Cleanup(func() {
		if !released {
			_, _ = n.env.Kubectl(context.WithoutCancel(n.t.Context()), manifest, "delete", "-f", "-")
		}
	})
	return release
}

// A leader that has read a value and comes back late overwrites nothing: what
// another has applied meanwhile makes its own apply a conflict, and it starts
// again with a read.
func TestWritingOldLeaderOverwritesNothing(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", appSpec)
	applied := n.awaitSynced("app").Status.Secret.AppliedAt
	// A takeover is seen by the time of an apply, to the second. A lease lasts longer.
	harness.Await(t, within, func(context.Context) error {
		if time.Since(applied.Time) < time.Second {
			return errors.New("the second of the first apply is not over")
		}
		return nil
	})
	seen := n.versions("app")
	n.put("kubernetes", "app", map[string]any{"a": "old"})
	mark := n.mark()
	var calls atomic.Int32
	n.duringWrites(func(ctx context.Context, _ admissionv1.Operation) error {
		if calls.Add(1) > 1 {
			return nil
		}
		if err := errors.Join(n.env.Vault.PutKV(ctx, "kubernetes", n.ns+"/app", map[string]any{"a": "new"}), n.applyAs(ctx, "countersign", "new")); err != nil {
			t.Error(err)
		}
		return nil
	})
	n.resync("1")
	n.awaitSynced("app")
	n.awaitVersions(seen, "Opaque a=1", "Opaque a=new")
	n.wantRequests(mark, harness.Counts{Read: 2})
	if calls.Load() == 0 {
		t.Error("nothing was written in between")
	}
	if events := n.events("app"); strings.Contains(events, "SecretRefused") {
		t.Errorf("a conflict was told: %s", events)
	}
}

// Issue 5, point 10: what keeps a write for a moment costs no second read, and
// nobody is told of it.
func TestWritingIsRepeatedWithoutARead(t *testing.T) {
	tests := map[string]func(context.Context, *tenant) error{
		"foreign label": func(ctx context.Context, n *tenant) error {
			n.labelSecret(ctx, "foreign", "label")
			return nil
		},
		"throttled": func(context.Context, *tenant) error {
			return apierrors.NewTooManyRequestsError("later") // Without a Retry-After, which client-go would wait for by itself.
		},
		"unavailable": func(context.Context, *tenant) error {
			return apierrors.NewServiceUnavailable("later")
		},
	}
	for name, happens := range tests {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t)
			n.put("kubernetes", "app", map[string]any{"a": "1"})
			n.apply("app", appSpec)
			n.awaitSynced("app")
			n.put("kubernetes", "app", map[string]any{"a": "2"})
			mark := n.mark()
			var calls atomic.Int32
			n.duringWrites(func(ctx context.Context, _ admissionv1.Operation) error {
				if calls.Add(1) > 1 {
					return nil
				}
				return happens(ctx, n)
			})
			n.resync("1")
			n.awaitSynced("app")
			if diff := cmp.Diff(map[string]string{"a": "2"}, n.data("app")); diff != "" {
				t.Error(diff)
			}
			n.wantRequests(mark, harness.Counts{Read: 1})
			if calls.Load() < 2 {
				t.Errorf("%d writes, want another after the first", calls.Load())
			}
			if events := n.events("app"); strings.Contains(events, "SecretRefused") {
				t.Errorf("told: %s", events)
			}
		})
	}
}

func (n *tenant) labelSecret(ctx context.Context, key, value string) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: "app"}}
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, key, value))
	if err := n.env.Client.Patch(ctx, secret, patch); err != nil {
		n.t.Error(err)
	}
}

// applyAs applies the Secret as it stands, with another value.
func (n *tenant) applyAs(ctx context.Context, manager, value string) error {
	secret := &corev1.Secret{}
	if err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: "app"}, secret); err != nil {
		return err
	}
	secret.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
	secret.ManagedFields, secret.ResourceVersion = nil, ""
	secret.Data["a"] = []byte(value)
	manifest, err := json.Marshal(secret)
	if err != nil {
		return err
	}
	output, err := n.env.Kubectl(ctx, string(manifest), "apply", "--server-side", "--force-conflicts", "--field-manager="+manager, "-f", "-")
	if err == nil && output.ExitCode != 0 {
		err = errors.New(output.Stderr)
	}
	return err
}
