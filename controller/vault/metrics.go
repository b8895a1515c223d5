package vault

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type operation string

const (
	operationLogin operation = "login"
	operationRead  operation = "read"
)

// Metrics count what is asked of Vault.
type Metrics struct{ requests *prometheus.CounterVec }

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_vault_requests_total",
		Help: "Requests to Vault by operation (login, read) and result (ok, or the reason of the failure).",
	}, []string{"vault", "operation", "result"})}
	registry.MustRegister(m.requests)
	return m
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
