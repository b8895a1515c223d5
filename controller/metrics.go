package controller

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/countersign/countersign/api"
)

// Metrics count the syncs of one controller.
type Metrics struct {
	syncs    *prometheus.CounterVec
	duration prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer, controller string) *Metrics {
	labels := prometheus.Labels{"controller": controller}
	m := &Metrics{
		syncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_syncs_total", ConstLabels: labels,
			Help: "Attempts to sync an ExternalSecret by result: Synced, or the reason of the failure.",
		}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "countersign_sync_duration_seconds", ConstLabels: labels,
			Help: "Time from the turn of an ExternalSecret in the queue until its Secret is written, the wait for the budget included.",
			// Behind a backlog the budget may take minutes.
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}),
	}
	registry.MustRegister(m.syncs, m.duration)
	return m
}

func (m *Metrics) observe(result string, took time.Duration) {
	m.syncs.WithLabelValues(result).Inc()
	if result == api.ReasonSynced {
		m.duration.Observe(took.Seconds())
	}
}

// tell counts and logs an attempt. That a Vault is still away is logged only
// where somebody looks for it: thousands of objects may wait.
func (r *Reconciler) tell(ctx context.Context, this *attempt, outcome *outcome, took time.Duration) {
	if outcome.idle {
		return
	}
	logger, message, reason := log.FromContext(ctx), "synced", api.ReasonSynced
	if outcome.success != nil {
		reason = outcome.success.reason
	}
	if outcome.failure != nil {
		message, reason = "not synced", outcome.failure.reason
		if r.stillAway(this, outcome.failure) {
			logger = logger.V(1)
		}
	}
	r.Metrics.observe(reason, took)
	logger.Info(message, "reason", reason, "duration", took.String(), "requests", outcome.requests)
}

// readiness is a metric of each object that has a Ready condition. It is made
// of the cache at each scrape: there is nothing to forget when one is deleted.
type readiness struct {
	description *prometheus.Desc
	each        func(func(api.Synced))
}

func newReadiness(controller string, each func(func(api.Synced))) *readiness {
	return &readiness{each: each, description: prometheus.NewDesc("countersign_externalsecret_ready",
		"1 if the Secret of an ExternalSecret holds what its current spec asks for, else 0.",
		[]string{"namespace", "name"}, prometheus.Labels{"controller": controller})}
}

// Describe implements prometheus.Collector.
func (m *readiness) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- m.description }

// Collect implements prometheus.Collector.
func (m *readiness) Collect(metrics chan<- prometheus.Metric) {
	m.each(func(source api.Synced) {
		ready := apimeta.FindStatusCondition(source.SyncStatus().Conditions, api.ConditionReady)
		if ready == nil {
			return
		}
		value := 0.0
		if ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == source.GetGeneration() {
			value = 1
		}
		metrics <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, value, source.GetNamespace(), source.GetName())
	})
}

// serveReadiness is for the leader alone: what every replica tells would be
// counted twice.
func (r *Reconciler) serveReadiness(controller string, registry prometheus.Registerer) manager.Runnable {
	return manager.RunnableFunc(func(ctx context.Context) error {
		served := newReadiness(controller, func(visit func(api.Synced)) {
			around := api.Remember(r.Around)
			r.each(ctx, func(source api.Synced) {
				if ours, err := source.Ours(ctx, around); err == nil && ours {
					visit(source)
				}
			}, client.UnsafeDisableDeepCopy)
		})
		registry.MustRegister(served)
		defer registry.Unregister(served)
		<-ctx.Done()
		return nil
	})
}
