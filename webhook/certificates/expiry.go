package certificates

import (
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
)

// Expiry is a metric: until when the files of a folder are good. They are read
// at each scrape.
type Expiry struct {
	folder string
	desc   *prometheus.Desc
}

// NewExpiry registers the metric.
func NewExpiry(folder string, registry prometheus.Registerer) *Expiry {
	e := &Expiry{folder: folder, desc: prometheus.NewDesc(
		"countersign_certificate_not_after_timestamp_seconds",
		"Unix time until which the webhooks' certificate (leaf) and its CA (ca) are valid.",
		[]string{"certificate"}, nil,
	)}
	registry.MustRegister(e)
	return e
}

// Describe is for the registry.
func (e *Expiry) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- e.desc }

// Collect reads the files. One that is not there, or no certificate, has no
// metric: an alert on its absence says so.
func (e *Expiry) Collect(metrics chan<- prometheus.Metric) {
	for label, file := range map[string]string{"leaf": leafFile, "ca": caFile} {
		content, err := os.ReadFile(filepath.Join(e.folder, file))
		if err != nil {
			continue
		}
		found, err := parse(content)
		if err != nil {
			continue
		}
		metrics <- prometheus.MustNewConstMetric(e.desc, prometheus.GaugeValue, float64(found[0].NotAfter.Unix()), label)
	}
}
