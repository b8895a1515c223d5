package webhook

import "github.com/prometheus/client_golang/prometheus"

// outcomeError is that of an object that could not be judged; the others are
// those of verdicts.
const outcomeError = "error"

// Metrics count admissions.
type Metrics struct{ admissions *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{admissions: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_admissions_total",
		Help: "Admissions of ExternalSecrets by namespace and outcome (allowed, audited, warned, denied, error).",
	}, []string{"namespace", "outcome"})}
	registry.MustRegister(m.admissions)
	return m
}

func (m *Metrics) observe(namespace, outcome string) {
	m.admissions.WithLabelValues(namespace, outcome).Inc()
}
