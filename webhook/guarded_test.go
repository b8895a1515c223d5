package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// guarded is guardedBy a store of ESO's.
func guarded(t *testing.T, failing error) (admission.Handler, *Metrics) {
	t.Helper()
	return guardedBy(t, "", failing)
}

// guardedBy is the handler for ExternalSecrets of ESO, whose store "vault" of a
// class reads secret/ as role reader. Reads of the apiserver fail with failing.
func guardedBy(t *testing.T, class string, failing error) (admission.Handler, *Metrics) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), esov1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	path := "secret"
	store := &esov1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "vault"},
		Spec: esov1.SecretStoreSpec{Controller: class, Provider: esov1.StoreProvider{Vault: &esov1.VaultProvider{
			Server: "https://vault:8200", Path: &path, Auth: &esov1.VaultAuth{Kubernetes: &esov1.KubernetesAuth{MountPath: "kubernetes", Role: "reader"}},
		}}},
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(store, namespace).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if failing != nil {
				return failing
			}
			return inner.Get(ctx, key, object, options...)
		},
	}).Build()
	inForce := compiled(t, "mounts: {secret: {kv: 2}}\nallow: [{name: own, namespaces: {names: [team-a]}, paths: [\"secret/data/{namespace}/*\"], roles: [reader]}]")
	judge := &config.GuardedJudge{
		Judge:   &config.Judge{Policy: func() *policy.Policy { return inForce }, Namespaces: reader, Live: reader},
		Objects: reader, Scheme: scheme,
		Operator: api.Operator{StoreClass: "countersign", Vaults: map[string]api.Vault{config.DefaultVault: {Address: "https://vault:8200"}}},
	}
	metrics := NewMetrics(prometheus.NewRegistry())
	return GuardedValidatorOf[*esov1.ExternalSecret]()(judge)(scheme, &Enforcement{Metrics: metrics}), metrics
}

func esoRequest(t *testing.T, old, object map[string]any) admission.Request {
	t.Helper()
	raw := func(object map[string]any) runtime.RawExtension {
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		return runtime.RawExtension{Raw: text}
	}
	request := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: "team-a", Name: "app", Operation: admissionv1.Create, Object: raw(object),
	}}
	if old != nil {
		request.Operation, request.OldObject = admissionv1.Update, raw(old)
	}
	return request
}

func esoObject(key, resync string, labels ...string) map[string]any {
	metadata := map[string]any{"namespace": "team-a", "name": "app", "annotations": map[string]any{api.Resync: resync}}
	for _, label := range labels {
		metadata["labels"] = map[string]any{label: "x"}
	}
	return map[string]any{"metadata": metadata, "spec": map[string]any{
		"secretStoreRef": map[string]any{"name": "vault"}, "refreshPolicy": "OnChange",
		"data": []any{map[string]any{"secretKey": "a", "remoteRef": map[string]any{"key": key}}},
	}}
}

// Nobody judges the object again before it is read: only what asks nothing anew
// passes unjudged.
func TestEnforceGuarded(t *testing.T) {
	tests := map[string]struct {
		old, object map[string]any
		allowed     bool
		counts      map[string]float64
	}{
		"create allowed":         {nil, esoObject("team-a/app", ""), true, map[string]float64{"team-a allowed": 1}},
		"create denied":          {nil, esoObject("team-b/app", ""), false, map[string]float64{"team-a denied": 1}},
		"another value asked":    {esoObject("team-a/app", ""), esoObject("team-b/app", ""), false, map[string]float64{"team-a denied": 1}},
		"standing, label":        {esoObject("team-b/app", ""), esoObject("team-b/app", "", "l"), true, map[string]float64{}},
		"standing, resync":       {esoObject("team-b/app", ""), esoObject("team-b/app", "1"), false, map[string]float64{"team-a denied": 1}},
		"allowed, resync":        {esoObject("team-a/app", ""), esoObject("team-a/app", "1"), true, map[string]float64{"team-a allowed": 1}},
		"standing, made allowed": {esoObject("team-b/app", ""), esoObject("team-a/app", ""), true, map[string]float64{"team-a allowed": 1}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			handler, metrics := guarded(t, nil)
			response := handler.Handle(t.Context(), esoRequest(t, tc.old, tc.object))
			if response.Allowed != tc.allowed {
				t.Errorf("allowed %v: %v", response.Allowed, response.Result)
			}
			if diff := cmp.Diff(tc.counts, counted(t, metrics)); diff != "" {
				t.Error(diff)
			}
			if judged := len(tc.counts) > 0; judged != (response.AuditAnnotations["revision"] != "") {
				t.Errorf("audit annotations %v", response.AuditAnnotations)
			}
		})
	}
}

// What cannot be decided is an error, and no admission.
func TestEnforceGuardedCannotDecide(t *testing.T) {
	handler, metrics := guarded(t, errors.New("connection refused"))
	response := handler.Handle(t.Context(), esoRequest(t, nil, esoObject("team-a/app", "")))
	if response.Allowed || response.Result.Code != 500 || !strings.Contains(response.Result.Message, "countersign could not decide") {
		t.Errorf("allowed %v: %v", response.Allowed, response.Result)
	}
	if diff := cmp.Diff(map[string]float64{"team-a error": 1}, counted(t, metrics)); diff != "" {
		t.Error(diff)
	}
}

// A stamp that ESO pays no heed to is warned of; Countersign heeds all.
func TestEnforceGuardedWarns(t *testing.T) {
	tests := map[string]struct {
		class, refreshPolicy, refreshInterval string
		// want is in the only warning; empty is no warning.
		want string
	}{
		"ESO, once":                 {"", "CreatedOnce", "1h", "refreshPolicy CreatedOnce"},
		"ESO, no interval":          {"", "Periodic", "0", "refreshInterval 0"},
		"ESO, on change":            {"", "OnChange", "0", ""},
		"another class, once":       {"other", "CreatedOnce", "1h", "refreshPolicy CreatedOnce"},
		"Countersign, once":         {"countersign", "CreatedOnce", "1h", ""},
		"Countersign, no interval":  {"countersign", "Periodic", "0", ""},
		"Countersign, zero seconds": {"countersign", "Periodic", "0s", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			object := esoObject("team-a/app", "")
			spec := object["spec"].(map[string]any) //nolint:forcetypeassert // It was made above.
			spec["refreshPolicy"], spec["refreshInterval"] = tc.refreshPolicy, tc.refreshInterval
			handler, _ := guardedBy(t, tc.class, nil)
			response := handler.Handle(t.Context(), esoRequest(t, nil, object))
			warned := strings.Join(response.Warnings, "\n")
			if !response.Allowed || (warned == "") != (tc.want == "") || !strings.Contains(warned, tc.want) {
				t.Errorf("allowed %v, warnings %q", response.Allowed, response.Warnings)
			}
		})
	}
}
