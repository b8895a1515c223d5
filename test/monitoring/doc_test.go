// Package monitoring asks the queries of the chart's alerts and dashboard with
// Prometheus' own engine: of what the real process and the real apiserver serve,
// and of series that should make an alert fire, or not.
package monitoring

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"sigs.k8s.io/yaml"
)

const (
	chart            = "../../charts/countersign"
	releaseNamespace = "countersign-system"
)

// alerts are the expressions of the chart's, by name.
func alerts(t *testing.T) map[string]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), cmp.Or(os.Getenv("HELM_BIN"), "../../bin/helm"), "template", "countersign", chart,
		"--namespace", releaseNamespace, "--show-only", "templates/prometheusrule.yaml",
		"--set", "vault.address=https://vault.example:8200,prometheusRule.enabled=true,dialects={kes,eso}")
	rendered, err := command.Output()
	if err != nil {
		t.Fatalf("helm: %v", err)
	}
	var rule struct {
		Spec struct {
			Groups []struct {
				Rules []struct{ Alert, Expr string }
			}
		}
	}
	if err := yaml.Unmarshal(rendered, &rule); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, one := range rule.Spec.Groups[0].Rules {
		found[one.Alert] = one.Expr
	}
	return found
}

// panels are the queries of the chart's dashboard, by title.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	content, err := os.ReadFile(chart + "/files/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found[panel.Title] = append(found[panel.Title], target.Expr)
		}
	}
	return found
}

func parse(t *testing.T, query string) parser.Expr {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return expr
}

// ask returns the series that a query finds at a time.
func ask(t *testing.T, of storage.Queryable, query string, at time.Time) promql.Vector {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute})
	asked, err := engine.NewInstantQuery(t.Context(), of, nil, query, at)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer asked.Close()
	found, err := asked.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return found
}
