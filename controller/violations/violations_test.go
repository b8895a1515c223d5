package violations

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/policy"
)

func violating(details ...string) *policy.Verdict {
	verdict := &policy.Verdict{Revision: "r"}
	for _, detail := range details {
		verdict.Violations = append(verdict.Violations, policy.Violation{
			Err: field.Forbidden(field.NewPath("spec"), detail), Mode: policy.Enforce, Read: -1,
		})
	}
	return verdict
}

// gathered are the values of all series, by their labels.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, series := range family.GetMetric() {
			var labels []string
			for _, label := range series.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			values[strings.Join(labels, " ")] = series.GetGauge().GetValue()
		}
	}
	return values
}

// What is wrong is told once, told anew when it is something else, and told when
// it is over. The metric says it all the time.
func TestTell(t *testing.T) {
	recorder := events.NewFakeRecorder(10)
	registry := prometheus.NewRegistry()
	r := &run{Watcher: &Watcher{Recorder: recorder, Metrics: NewMetrics(registry)}, logger: logr.Discard(), told: map[item]string{}}
	one := item{esov1.GroupVersion().WithKind(esov1.KindExternalSecret), client.ObjectKey{Namespace: "team-a", Name: "app"}}
	for _, verdict := range []*policy.Verdict{
		violating(), violating("one"), violating("one"), violating("two"), violating(strings.Repeat("x", 2000)), violating(), violating(),
	} {
		r.tell(one, &esov1.ExternalSecret{}, verdict)
		want := map[string]float64{}
		if len(verdict.Violations) > 0 {
			want["ExternalSecret team-a"] = 1
		}
		if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
			t.Error(diff)
		}
	}
	close(recorder.Events)
	var told []string
	for event := range recorder.Events {
		if len(event) > api.MaxNote+100 {
			t.Errorf("an event of %d bytes", len(event))
		}
		told = append(told, strings.Join(strings.Fields(event)[:2], " "))
	}
	if diff := cmp.Diff([]string{"Warning PolicyDenied", "Warning PolicyDenied", "Warning PolicyDenied", "Normal PolicyAllows"}, told); diff != "" {
		t.Error(diff)
	}
}

// A verdict that only warns is no violation.
func TestSaid(t *testing.T) {
	warned := violating("one")
	warned.Violations[0].Mode = policy.Warn
	for want, verdict := range map[string]*policy.Verdict{
		"":                                       warned,
		"spec: Forbidden: a":                     violating("a"),
		"spec: Forbidden: a; spec: Forbidden: b": violating("a", "b"),
	} {
		if got := said(verdict); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Of a kind that is not followed nothing is known, as in a cluster without it.
func TestKindsWithoutACache(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := esov1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	k := newKinds(scheme, func() (cache.Cache, error) { return nil, broken })
	kind := esov1.GroupVersion().WithKind(esov1.KindSecretStore)
	if err := k.Get(t.Context(), client.ObjectKey{Name: "x"}, &esov1.SecretStore{}); !apimeta.IsNoMatchError(err) {
		t.Errorf("get: %v", err)
	}
	if err := k.List(t.Context(), &esov1.SecretStoreList{}); !apimeta.IsNoMatchError(err) {
		t.Errorf("list: %v", err)
	}
	if err := k.start(t.Context(), kind, nil); !errors.Is(err, broken) || k.has(kind) {
		t.Errorf("start: %v, followed %v", err, k.has(kind))
	}
}
