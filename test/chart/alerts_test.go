package chart_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// prometheusRule is what is read of one.
type prometheusRule struct {
	Spec struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
}

// TestAlertsPage: each alert links to its own section of docs/alerts.md, and is
// in the table there with its severity. What their queries ask for is for
// test/monitoring.
func TestAlertsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	all := parse(t, mustRender(t, "--values", cases(t)["eso"], "--set", "prometheusRule.enabled=true"))
	rules := prometheusRule{}
	if err := yaml.Unmarshal(all.of("PrometheusRule")[0].raw, &rules); err != nil {
		t.Fatal(err)
	}
	var alerts []string
	for _, rule := range rules.Spec.Groups[0].Rules {
		alerts = append(alerts, rule.Alert)
		anchor := "#" + strings.ToLower(rule.Alert)
		if url := rule.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/alerts.md"+anchor) {
			t.Errorf("%s links to %q", rule.Alert, url)
		}
		if rule.Annotations["summary"] == "" {
			t.Errorf("%s has no summary", rule.Alert)
		}
		if row := "| [" + rule.Alert + "](" + anchor + ") | " + rule.Labels["severity"] + " | "; !strings.Contains(string(page), row) {
			t.Errorf("the table has no %q", row)
		}
	}
	var sections []string
	for _, match := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(page), -1) {
		sections = append(sections, match[1])
	}
	if diff := cmp.Diff(alerts, sections); diff != "" {
		t.Errorf("alerts (-) and sections of docs/alerts.md (+) differ:\n%s", diff)
	}
}
