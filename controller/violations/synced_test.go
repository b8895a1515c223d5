package violations

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// What Countersign syncs is never read while policy denies it, so that it is no
// standing violation: from when its store gets the class, until it is given back.
func TestWhatIsSyncedIsNoViolation(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), esov1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	store := &esov1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "vault"},
		Spec: esov1.SecretStoreSpec{Provider: esov1.StoreProvider{Vault: &esov1.VaultProvider{
			Server: "https://vault:8200", Auth: &esov1.VaultAuth{Kubernetes: &esov1.KubernetesAuth{MountPath: "kubernetes", Role: "reader"}},
		}}},
	}
	object := &esov1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "app"},
		Spec: esov1.ExternalSecretSpec{
			SecretStoreRef: &esov1.StoreRef{Name: "vault"},
			Data:           []esov1.DataItem{{SecretKey: "a", RemoteRef: esov1.RemoteRef{Key: "secret/x"}}},
		},
	}
	standing := fake.NewClientBuilder().WithScheme(scheme).WithObjects(store, object, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}).Build()
	denying, err := policy.Compile(nil, policy.Settings{DefaultVault: config.DefaultVault, Enforcement: policy.Enforcement{Default: policy.Enforce}})
	if err != nil {
		t.Fatal(err)
	}
	recorder, registry := events.NewFakeRecorder(10), prometheus.NewRegistry()
	r := &run{logger: logr.Discard(), told: map[item]string{}, Watcher: &Watcher{
		Recorder: recorder, Metrics: NewMetrics(registry),
		Judge: config.GuardedJudge{
			Judge:   &config.Judge{Policy: func() *policy.Policy { return denying }, Namespaces: standing, Live: standing},
			Objects: standing, Scheme: scheme,
			Operator: api.Operator{StoreClass: "countersign", Vaults: map[string]api.Vault{config.DefaultVault: {Address: "https://vault:8200"}}},
		},
	}}
	one := item{esov1.GroupVersion().WithKind(esov1.KindExternalSecret), client.ObjectKeyFromObject(object)}
	denied := map[string]float64{"ExternalSecret team-a": 1}
	for i, step := range []struct {
		class  string
		series map[string]float64
		told   string
	}{
		{"", denied, "Warning PolicyDenied"},
		{"countersign", map[string]float64{}, ""},
		{"", denied, "Warning PolicyDenied"},
		{"other", denied, ""},
	} {
		store.Spec.Controller = step.class
		if err := errors.Join(standing.Update(t.Context(), store), r.judge(t.Context(), one)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.series, gathered(t, registry)); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
		var told string
		select {
		case event := <-recorder.Events:
			told = strings.Join(strings.Fields(event)[:2], " ")
		default:
		}
		if told != step.told {
			t.Errorf("step %d: told %q, want %q", i, told, step.told)
		}
	}
}
