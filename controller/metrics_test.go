package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller/vault"
)

// samples is what a scrape of a registry would tell, one line each.
func samples(t *testing.T, registry *prometheus.Registry) []string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			lines = append(lines, fmt.Sprintf("%s{%s} %v", family.GetName(), strings.Join(labels, ","), value))
		}
	}
	return lines
}

func withReady(name string, status metav1.ConditionStatus, observed int64) *kesv1.ExternalSecret {
	object := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: name, Generation: 2}}
	apimeta.SetStatusCondition(&object.Status.Conditions, metav1.Condition{
		Type: api.ConditionReady, Status: status, Reason: "Any", ObservedGeneration: observed,
	})
	return object
}

// What is ready has its current spec in its Secret; what is gone from the cache
// has no series.
func TestReadiness(t *testing.T) {
	unseen := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "unseen"}}
	objects := []*kesv1.ExternalSecret{
		withReady("failed", metav1.ConditionFalse, 2), withReady("old", metav1.ConditionTrue, 1), withReady("ready", metav1.ConditionTrue, 2), unseen,
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newReadiness("c", func(visit func(api.Synced)) {
		for _, object := range objects {
			visit(object)
		}
	}))
	want := []string{
		"countersign_externalsecret_ready{controller=c,name=failed,namespace=team-a} 0",
		"countersign_externalsecret_ready{controller=c,name=old,namespace=team-a} 0",
		"countersign_externalsecret_ready{controller=c,name=ready,namespace=team-a} 1",
	}
	if diff := cmp.Diff(want, samples(t, registry)); diff != "" {
		t.Error(diff)
	}
	objects = slices.DeleteFunc(objects, func(object *kesv1.ExternalSecret) bool { return object.Name != "old" })
	if diff := cmp.Diff(want[1:2], samples(t, registry)); diff != "" {
		t.Errorf("after two were deleted: %s", diff)
	}
}

// Each attempt is counted by its result and logged on one line; the time is
// that of syncs that succeeded. What was not attempted is neither.
func TestAttemptsAreCountedAndLogged(t *testing.T) {
	registry, logs := prometheus.NewRegistry(), &bytes.Buffer{}
	r := &Reconciler{Metrics: NewMetrics(registry, "c"), Judge: &config.Judge{}}
	logger := logr.FromSlogHandler(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelInfo}))
	ctx := logr.NewContext(t.Context(), logger)
	source := &kesv1.ExternalSecret{}
	outcomes := []*outcome{
		{requests: 2},
		{idle: true},
		{failure: &failure{reason: string(vault.ReasonForbidden), message: "the message is in the status"}, requests: 1},
		{failure: &failure{reason: reasonPolicyDenied}},
	}
	for _, one := range outcomes {
		r.tell(ctx, look(source, nil), one, 1500*time.Millisecond)
	}
	wantLogs := `level=INFO msg=synced reason=Synced duration=1.5s requests=2
level=INFO msg="not synced" reason=VaultForbidden duration=1.5s requests=1
level=INFO msg="not synced" reason=PolicyDenied duration=1.5s requests=0
`
	if diff := cmp.Diff(wantLogs, regexp.MustCompile(`(?m)^time=\S+ `).ReplaceAllString(logs.String(), "")); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"countersign_sync_duration_seconds{controller=c} 1",
		"countersign_syncs_total{controller=c,result=PolicyDenied} 1",
		"countersign_syncs_total{controller=c,result=Synced} 1",
		"countersign_syncs_total{controller=c,result=VaultForbidden} 1",
	}
	if diff := cmp.Diff(want, samples(t, registry)); diff != "" {
		t.Error(diff)
	}
}

// A request counts when the guard lets it leave.
func TestRequestsAreCountedAsTheyLeave(t *testing.T) {
	this := &attempt{}
	answers := []error{nil, errSuperseded, nil}
	guard := counted(func(context.Context) error {
		answer := answers[0]
		answers = answers[1:]
		return answer
	}, &this.requests)
	for _, want := range []error{nil, errSuperseded, nil} {
		if err := guard(t.Context()); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if got := this.requests.Load(); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
}
