package chart_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAlerts: every metric of ours that an alert asks for is one that is
// documented, and what is documented is what is served (test/integration).
func TestAlerts(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var asked int
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		for _, rule := range all.of("PrometheusRule") {
			for _, metric := range regexp.MustCompile(`countersign_[a-z_]+`).FindAllString(expressions(rule), -1) {
				asked++
				if !strings.Contains(string(page), "`"+metric+"`") {
					t.Errorf("an alert asks for %s, which docs/metrics.md does not have", metric)
				}
			}
		}
	})
	if asked == 0 {
		t.Error("no alert asks for anything")
	}
}

func expressions(rule object) string {
	return strings.Join(regexp.MustCompile(`(?m)^\s*expr: .*$`).FindAllString(string(rule.raw), -1), "\n")
}
