package stores

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

const class = "countersign"

// world is one store in a cluster, and how often its status was written.
type world struct {
	*Reconciler

	writes  int
	inForce *policy.Policy
}

func newWorld(t *testing.T, store *esov1.SecretStore) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), esov1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	w := &world{}
	apiserver := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(store).
		WithObjects(store, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}).
		WithInterceptorFuncs(interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, inner client.Client, name string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
				w.writes++
				return inner.SubResource(name).Patch(ctx, object, patch, options...)
			},
		}).Build()
	w.Reconciler = &Reconciler{
		Client: apiserver, New: func() Store { return &esov1.SecretStore{} }, NewList: func() client.ObjectList { return &esov1.SecretStoreList{} },
		Clock: testclock.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
		Judge: &config.GuardedJudge{
			Judge:   &config.Judge{Policy: func() *policy.Policy { return w.inForce }, Namespaces: apiserver, Live: apiserver},
			Objects: apiserver, Scheme: scheme,
			Operator: api.Operator{StoreClass: class, Vaults: map[string]api.Vault{config.DefaultVault: {Address: "https://vault:8200"}}},
		},
	}
	return w
}

// allow puts a policy in force.
func (w *world) allow(t *testing.T, role string) {
	t.Helper()
	text := "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {secret: {kv: 2}}\nallow: [{name: own, namespaces: {names: [team-a]}, paths: [secret/data/*], roles: [" + role + "]}]"
	document, err := policy.Parse("cm", "policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	w.inForce, err = policy.Compile([]*policy.Document{document}, policy.Settings{
		DefaultVault: config.DefaultVault, DefaultAuthMounts: map[string]string{config.DefaultVault: "kubernetes"},
		Enforcement: policy.Enforcement{Default: policy.Enforce},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// reconciled is the status after one look at the store.
func (w *world) reconciled(t *testing.T) esov1.SecretStoreStatus {
	t.Helper()
	key := client.ObjectKey{Namespace: "team-a", Name: "vault"}
	if _, err := w.Reconcile(t.Context(), reconcile.Request{NamespacedName: key}); err != nil {
		t.Fatal(err)
	}
	store := &esov1.SecretStore{}
	if err := w.Get(t.Context(), key, store); err != nil {
		t.Fatal(err)
	}
	return store.Status
}

func storeOf(class, server string) *esov1.SecretStore {
	return &esov1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "vault"},
		Spec: esov1.SecretStoreSpec{Controller: class, Provider: esov1.StoreProvider{Vault: &esov1.VaultProvider{
			Server: server, Auth: &esov1.VaultAuth{Kubernetes: &esov1.KubernetesAuth{MountPath: "kubernetes", Role: "reader"}},
		}}},
	}
}

// A store of the class has the status that admission would give it; what is
// ESO's is left alone.
func TestStatusOfStores(t *testing.T) {
	valid := [...]string{"True", "Valid", "store validated", "ReadOnly"}
	tests := map[string]struct {
		store *esov1.SecretStore
		role  string
		want  [4]string
	}{
		"allowed":          {storeOf(class, "https://vault:8200"), "reader", valid},
		"role not allowed": {storeOf(class, "https://vault:8200"), "admin", [...]string{"False", "InvalidProviderConfig", `spec.provider.vault.auth`, "ReadOnly"}},
		"another server":   {storeOf(class, "https://evil:8200"), "reader", [...]string{"False", "InvalidProviderConfig", `spec.provider.vault.server`, "ReadOnly"}},
		"of ESO":           {storeOf("", "https://vault:8200"), "reader", [4]string{}},
		"of another class": {storeOf("other", "https://vault:8200"), "reader", [4]string{}},
		"no policy yet":    {storeOf(class, "https://vault:8200"), "", [4]string{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.store)
			if tc.role != "" {
				w.allow(t, tc.role)
			}
			if diff := cmp.Diff(tc.want, shortOf(w.reconciled(t))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Nobody syncs from a store of the class that has another provider than Vault.
func TestAnotherProvider(t *testing.T) {
	store := &esov1.SecretStore{Spec: esov1.SecretStoreSpec{Controller: class, Provider: esov1.StoreProvider{Other: "aws"}}}
	const want = "spec.provider.aws: Forbidden: Countersign syncs from Vault only; leave this store to External Secrets Operator"
	if got := problems(store, &policy.Verdict{}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// shortOf is the only condition, of a problem the field alone.
func shortOf(status esov1.SecretStoreStatus) [4]string {
	if len(status.Conditions) == 0 {
		return [4]string{"", "", "", status.Capabilities}
	}
	ready := status.Conditions[0]
	message := ready.Message
	if ready.Status != metav1.ConditionTrue {
		message, _, _ = strings.Cut(message, ": ")
	}
	return [4]string{string(ready.Status), ready.Reason, message, status.Capabilities}
}

// The status is written when it changes, and what others have written stays.
func TestStatusIsWrittenOnChange(t *testing.T) {
	store := storeOf(class, "https://vault:8200")
	store.Status.Conditions = []esov1.Condition{{Type: "Other", Status: metav1.ConditionTrue}}
	w := newWorld(t, store)
	for i, step := range []struct {
		role   string
		ready  metav1.ConditionStatus
		writes int
	}{{"reader", "True", 1}, {"reader", "True", 1}, {"admin", "False", 2}, {"admin", "False", 2}, {"reader", "True", 3}} {
		w.allow(t, step.role)
		status := w.reconciled(t)
		if len(status.Conditions) != 2 || status.Conditions[0].Type != "Other" || status.Conditions[1].Status != step.ready || w.writes != step.writes {
			t.Errorf("step %d: %+v after %d writes, want %+v", i, status, w.writes, step)
		}
	}
}

// A store that is gone is nothing to tell.
func TestStoreIsGone(t *testing.T) {
	w := newWorld(t, storeOf(class, "https://vault:8200"))
	w.allow(t, "reader")
	request := reconcile.Request{NamespacedName: client.ObjectKey{Namespace: "team-a", Name: "gone"}}
	if _, err := w.Reconcile(t.Context(), request); err != nil || w.writes > 0 {
		t.Errorf("error %v, %d writes", err, w.writes)
	}
}

// A change of the policy has all stores looked at.
func TestAllStores(t *testing.T) {
	w := newWorld(t, storeOf(class, "https://vault:8200"))
	want := []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: "team-a", Name: "vault"}}}
	if diff := cmp.Diff(want, w.all(t.Context(), nil)); diff != "" {
		t.Error(diff)
	}
}
