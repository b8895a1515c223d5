package violations

import (
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count the objects that stand in violation. Only the replica that
// leads has any.
type Metrics struct {
	description *prometheus.Desc

	mu    sync.Mutex
	items map[item]struct{}
}

// NewMetrics registers the metric.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{items: map[item]struct{}{}, description: prometheus.NewDesc("countersign_standing_violations",
		"Objects that another controller syncs and that stand although policy denies them, by namespace and kind.",
		[]string{"namespace", "kind"}, nil)}
	registry.MustRegister(m)
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- m.description }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	type place struct{ namespace, kind string }
	m.mu.Lock()
	counts := map[place]int{}
	for one := range m.items {
		counts[place{one.key.Namespace, one.kind.Kind}]++
	}
	m.mu.Unlock()
	for where, count := range counts {
		metrics <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, float64(count), where.namespace, where.kind)
	}
}

func (m *Metrics) set(one item, violates bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if violates {
		m.items[one] = struct{}{}
	} else {
		delete(m.items, one)
	}
}

func (m *Metrics) forgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.items)
}

func (m *Metrics) all() []item {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.items))
}
