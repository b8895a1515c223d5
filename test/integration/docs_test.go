package integration

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The metrics that are documented are those that are served.
func TestMetricsPage(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("app")
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := metricNames(`(?m)^\| .(countersign_[a-z_]+)`, string(page))
	served := metricNames(`(?m)^# TYPE (countersign_[a-z_]+) `, n.metrics())
	if diff := cmp.Diff(documented, served); diff != "" {
		t.Errorf("docs/metrics.md (-) and what is served (+) differ:\n%s", diff)
	}
}

func metricNames(pattern, text string) []string {
	var names []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return names
}
