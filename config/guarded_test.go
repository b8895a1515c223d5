package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/policy"
)

const guardedPolicy = `apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}}
allow: [{name: own, namespaces: {names: [team-a, team-b]}, paths: ["secret/data/{namespace}/*"], roles: [reader]}]`

// guardedWorld has the namespaces team-a and team-b, and objects.
func guardedWorld(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *GuardedJudge {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), esov1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"team-a", "team-b"} {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}})
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
	document, err := policy.Parse("cm", "policy.yaml", []byte(guardedPolicy))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := policy.Compile([]*policy.Document{document}, policy.Settings{
		DefaultVault: DefaultVault, DefaultAuthMounts: map[string]string{DefaultVault: "kubernetes"},
		Enforcement: policy.Enforcement{Default: policy.Enforce},
	})
	if err != nil {
		t.Fatal(err)
	}
	externals := []schema.GroupVersionKind{esov1.GroupVersion().WithKind(esov1.KindExternalSecret)}
	return &GuardedJudge{
		Judge:   &Judge{Policy: func() *policy.Policy { return compiled }, Namespaces: reader, Live: reader},
		Objects: reader, Scheme: scheme,
		Operator: api.Operator{Vaults: map[string]api.Vault{DefaultVault: {Address: "https://vault:8200"}}},
		ReferredBy: map[schema.GroupKind][]schema.GroupVersionKind{
			esov1.GroupVersion().WithKind(esov1.KindSecretStore).GroupKind():        externals,
			esov1.GroupVersion().WithKind(esov1.KindClusterSecretStore).GroupKind(): externals,
		},
	}
}

func esoStore(namespace, role string) *esov1.SecretStore {
	path := "secret"
	return &esov1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "vault"},
		Spec: esov1.SecretStoreSpec{Provider: esov1.StoreProvider{Vault: &esov1.VaultProvider{
			Server: "https://vault:8200", Path: &path,
			Auth: &esov1.VaultAuth{Kubernetes: &esov1.KubernetesAuth{MountPath: "kubernetes", Role: role}},
		}}},
	}
}

func esoSecret(namespace, name string, keys ...string) *esov1.ExternalSecret {
	object := &esov1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       esov1.ExternalSecretSpec{SecretStoreRef: &esov1.StoreRef{Name: "vault"}},
	}
	for _, key := range keys {
		object.Spec.Data = append(object.Spec.Data, esov1.DataItem{RemoteRef: esov1.RemoteRef{Key: key}})
	}
	return object
}

// fieldsOf a verdict's denials.
func fieldsOf(verdict *policy.Verdict) []string {
	var fields []string
	for _, denial := range verdict.Denials() {
		fields = append(fields, denial.Field)
	}
	return fields
}

// An object is judged with what it refers to, as that stands.
func TestGuardedEvaluate(t *testing.T) {
	tests := map[string]struct {
		standing []client.Object
		object   api.Guarded
		want     []string
	}{
		"its own tree":          {[]client.Object{esoStore("team-a", "reader")}, esoSecret("team-a", "app", "team-a/app"), nil},
		"of another tree":       {[]client.Object{esoStore("team-a", "reader")}, esoSecret("team-a", "app", "team-a/app", "team-b/app"), []string{"spec.data[1].remoteRef.key"}},
		"a store of another":    {[]client.Object{esoStore("team-b", "reader")}, esoSecret("team-a", "app", "team-b/app"), nil},
		"no store yet":          {nil, esoSecret("team-a", "app", "team-b/app"), nil},
		"a store by itself":     {nil, esoStore("team-a", "reader"), nil},
		"a store's role":        {nil, esoStore("team-a", "admin"), []string{"spec.provider.vault.auth"}},
		"a role that it uses":   {[]client.Object{esoStore("team-a", "admin")}, esoSecret("team-a", "app", "team-a/app"), []string{"spec.data[0].remoteRef.key"}},
		"a namespace of nobody": {nil, esoStore("team-c", "reader"), []string{"error"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			verdict, err := guardedWorld(t, interceptor.Funcs{}, tc.standing...).Evaluate(t.Context(), tc.object)
			got := []string{"error"}
			if err == nil {
				got = fieldsOf(verdict)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A store answers for what it makes others ask anew, and for nothing else.
func TestGuardedEvaluateDependents(t *testing.T) {
	standing := []client.Object{
		esoSecret("team-a", "fine", "team-a/app"), esoSecret("team-a", "evil", "team-b/app"),
		esoSecret("team-b", "elsewhere", "team-a/app"),
	}
	moved := esoStore("team-a", "reader")
	other := "other"
	moved.Spec.Provider.Vault.Path = &other
	tests := map[string]struct {
		object, old api.Guarded
		want        []string
	}{
		"new":                   {esoStore("team-a", "reader"), nil, []string{"ExternalSecret[team-a/evil].spec.data[0].remoteRef.key"}},
		"changed in no way":     {esoStore("team-a", "reader"), esoStore("team-a", "reader"), nil},
		"moved to other mounts": {moved, esoStore("team-a", "reader"), []string{"ExternalSecret[team-a/evil].spec.data[0].remoteRef.key", "ExternalSecret[team-a/fine].spec.data[0].remoteRef.key"}},
		"nobody refers to":      {esoSecret("team-a", "vault", "team-a/x"), nil, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			verdict, err := guardedWorld(t, interceptor.Funcs{}, standing...).EvaluateDependents(t.Context(), tc.object, tc.old)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, fieldsOf(verdict)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A store of the whole cluster answers for the namespaces that count, and no
// other is looked at.
func TestGuardedOnlySomeNamespaces(t *testing.T) {
	path := "secret"
	store := &esov1.ClusterSecretStore{ObjectMeta: metav1.ObjectMeta{Name: "vault"}, Spec: esoStore("", "reader").Spec}
	store.Spec.Provider.Vault.Path = &path
	referring := func(namespace string) *esov1.ExternalSecret {
		object := esoSecret(namespace, "evil", "other/app")
		object.Spec.SecretStoreRef.Kind = esov1.KindClusterSecretStore
		return object
	}
	everywhere := &esov1.ClusterExternalSecret{ObjectMeta: metav1.ObjectMeta{Name: "all"}, Spec: esov1.ClusterExternalSecretSpec{
		ExternalSecretSpec: referring("").Spec, NamespaceSelectors: []*metav1.LabelSelector{{}},
	}}
	tests := map[string]struct {
		only           []string
		stores, spread int
	}{
		"all":         {nil, 2, 2},
		"one":         {[]string{"team-b"}, 1, 1},
		"none of all": {[]string{"team-c"}, 0, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var looked []string
			judge := guardedWorld(t, interceptor.Funcs{
				List: func(ctx context.Context, inner client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
					if _, isExternal := list.(*esov1.ExternalSecretList); isExternal {
						looked = append(looked, (&client.ListOptions{}).ApplyOptions(options).Namespace)
					}
					return inner.List(ctx, list, options...)
				},
			}, store, referring("team-a"), referring("team-b"))
			judge.Only = tc.only
			dependents, err := judge.EvaluateDependents(t.Context(), store, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(dependents.Denials()); got != tc.stores {
				t.Errorf("the store answers for %d, want %d: %v", got, tc.stores, dependents.Denials())
			}
			if len(tc.only) > 0 && !cmp.Equal(tc.only, looked) {
				t.Errorf("looked at %q, want %q", looked, tc.only)
			}
			spread, err := judge.Evaluate(t.Context(), everywhere)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(spread.Violations); got != tc.spread {
				t.Errorf("spread to %d, want %d: %v", got, tc.spread, spread.Denials())
			}
		})
	}
}

// What many refer to is read once for all of them.
func TestGuardedDependentsReadOnce(t *testing.T) {
	reads := 0
	standing := []client.Object{esoSecret("team-a", "one", "team-a/x"), esoSecret("team-a", "two", "team-a/x"), esoSecret("team-a", "three", "team-a/x")}
	judge := guardedWorld(t, interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if _, isStore := object.(*esov1.SecretStore); isStore {
				reads++
			}
			return inner.Get(ctx, key, object, options...)
		},
	}, standing...)
	if _, err := judge.EvaluateDependents(t.Context(), esoStore("team-a", "reader"), nil); err != nil {
		t.Fatal(err)
	}
	if reads != 1 {
		t.Errorf("the store was read %d times, want 1", reads)
	}
}

// Of a kind that the cluster does not have there are no objects; what cannot be
// read is an error, and no verdict.
func TestGuardedWithoutAnswer(t *testing.T) {
	tests := map[string]struct {
		err  error
		want string
	}{
		"no such kind":   {&apimeta.NoKindMatchError{}, ""},
		"cannot be read": {errors.New("connection refused"), "connection refused"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			funcs := interceptor.Funcs{
				Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
					if _, isStore := object.(*esov1.SecretStore); isStore {
						return tc.err
					}
					return inner.Get(ctx, key, object, options...)
				},
				List: func(_ context.Context, _ client.WithWatch, _ client.ObjectList, _ ...client.ListOption) error {
					return tc.err
				},
			}
			judge := guardedWorld(t, funcs)
			_, err := judge.Evaluate(t.Context(), esoSecret("team-a", "app", "team-a/app"))
			_, listErr := judge.EvaluateDependents(t.Context(), esoStore("team-a", "reader"), nil)
			for _, got := range []error{err, listErr} {
				if tc.want == "" && got != nil || tc.want != "" && (got == nil || !strings.Contains(got.Error(), tc.want)) {
					t.Errorf("got %v, want ...%s", got, tc.want)
				}
			}
		})
	}
}

// Other providers than Vault pass, where the operator does not refuse them.
func TestGuardedOtherProviders(t *testing.T) {
	store := &esov1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "fake"},
		Spec:       esov1.SecretStoreSpec{Provider: esov1.StoreProvider{Other: "fake"}},
	}
	for setting, want := range map[OtherBackends][]string{AdmitOthers: nil, RefuseOthers: {"spec.provider.fake"}} {
		judge := guardedWorld(t, interceptor.Funcs{})
		judge.OtherBackends = setting
		verdict, err := judge.Evaluate(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, fieldsOf(verdict)); diff != "" {
			t.Errorf("%s: %s", setting, diff)
		}
	}
}

func TestOperator(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("a CA"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := &Settings{Vaults: map[string]Vault{
		"default": {Address: "https://a", Namespace: "ns", Audience: "vault", CAFile: file},
		"plain":   {Address: "https://b"},
	}}
	operator, err := settings.Operator(os.ReadFile)
	got := operator.Vaults
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]api.Vault{
		"default": {Address: "https://a", Namespace: "ns", Audience: "vault", CA: []byte("a CA")},
		"plain":   {Address: "https://b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	settings.Vaults["default"] = Vault{CAFile: file + ".gone"}
	if _, err := settings.Operator(os.ReadFile); err == nil || !strings.Contains(err.Error(), `vault "default": CA`) {
		t.Errorf("got %v", err)
	}
}
