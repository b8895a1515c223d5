package vault

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type operation string

const (
	operationLogin  operation = "login"
	operationRead   operation = "read"
	operationList   operation = "list"
	operationRenew  operation = "renew"
	operationRevoke operation = "revoke"
)

// Metrics count what is asked of Vault.
type Metrics struct {
	registry prometheus.Registerer
	requests *prometheus.CounterVec
	queued   *prometheus.GaugeVec
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{registry: registry, requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_vault_requests_total",
		Help: "Requests to Vault by operation (login, read, list, renew, revoke) and result (ok, or the reason of the failure).",
	}, []string{"vault", "operation", "result"}), queued: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "countersign_vault_budget_waiting",
		Help: "Requests that wait for the budget of a Vault.",
	}, []string{"vault"})}
	registry.MustRegister(m.requests, m.queued)
	return m
}

// watch serves what is to be seen of one door.
func (m *Metrics) watch(name string, v *Vault) {
	labels := prometheus.Labels{"vault": name}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "countersign_vault_breaker_open", ConstLabels: labels,
			Help: "1 while a Vault is taken for away and only probed, else 0.",
		}, func() float64 {
			if v.breaker.isOpen() {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "countersign_vault_sessions", ConstLabels: labels,
			Help: "Logins to a Vault that live.",
		}, func() float64 { return float64(v.liveSessions()) }),
	)
}

// waiting counts one more until the returned function is called.
func (m *Metrics) waiting(vault string) func() {
	gauge := m.queued.WithLabelValues(vault)
	gauge.Inc()
	return gauge.Dec
}

func (m *Metrics) observe(vault string, op operation, err error) {
	result := "ok"
	var vaultErr *Error
	switch {
	case errors.As(err, &vaultErr):
		result = string(vaultErr.Reason)
	case err != nil:
		// The guard stopped it: nothing was sent.
		return
	}
	m.requests.WithLabelValues(vault, string(op), result).Inc()
}
