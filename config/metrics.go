package config

import "github.com/prometheus/client_golang/prometheus"

// PolicyMetrics tell which policy is in force.
type PolicyMetrics struct {
	info    *prometheus.GaugeVec
	success prometheus.Gauge
	last    prometheus.Gauge
	stored  prometheus.Gauge
}

// NewPolicyMetrics registers the metrics.
func NewPolicyMetrics(registry prometheus.Registerer) *PolicyMetrics {
	m := &PolicyMetrics{
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "countersign_policy_info", Help: "1 for the revision of the policy that is in force.",
		}, []string{"revision"}),
		success: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "countersign_policy_reload_success", Help: "1 if all policy ConfigMaps are in force as they stand, else 0.",
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "countersign_policy_last_success_timestamp_seconds", Help: "Unix time of the last reload with all policy ConfigMaps good.",
		}),
		stored: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "countersign_policy_last_good_success",
			Help: "0 if the last good policy could not be read at the start or, by the leader, not be kept for the next one, else 1.",
		}),
	}
	m.stored.Set(1)
	registry.MustRegister(m.info, m.success, m.last, m.stored)
	return m
}

func (m *PolicyMetrics) inForce(old, revision string) {
	m.info.DeleteLabelValues(old)
	m.info.WithLabelValues(revision).Set(1)
}

func (m *PolicyMetrics) succeeded() {
	m.success.Set(1)
	m.last.SetToCurrentTime()
}

func (m *PolicyMetrics) failed() { m.success.Set(0) }

// kept tells whether the last good policy survives restarts.
func (m *PolicyMetrics) kept(ok bool) {
	m.stored.Set(0)
	if ok {
		m.stored.Set(1)
	}
}
