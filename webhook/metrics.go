package webhook

import "github.com/prometheus/client_golang/prometheus"

// outcome is how an admission ended.
type outcome string

const (
	outcomeAllowed outcome = "allowed"
	outcomeWarned  outcome = "warned"
	outcomeDenied  outcome = "denied"
	outcomeError   outcome = "error"
)

func allowedOutcome(warnings []string) outcome {
	if len(warnings) > 0 {
		return outcomeWarned
	}
	return outcomeAllowed
}

// Metrics count admissions.
type Metrics struct{ admissions *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{admissions: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_admissions_total",
		Help: "Admissions of ExternalSecrets by namespace and outcome (allowed, warned, denied, error).",
	}, []string{"namespace", "outcome"})}
	registry.MustRegister(m.admissions)
	return m
}

func (m *Metrics) observe(namespace string, outcome outcome) {
	m.admissions.WithLabelValues(namespace, string(outcome)).Inc()
}
