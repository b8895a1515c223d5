package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/bench/report"
)

func samples(milliseconds ...int) []sample {
	var all []sample
	for _, one := range milliseconds {
		all = append(all, time.Duration(one)*time.Millisecond)
	}
	return all
}

func someRows(countersign, vap int) []row {
	return []row{
		{setup: setupNone, rules: 1, clients: 1, samples: samples(2), elapsed: time.Second},
		{setup: setupCEL, rules: 1, clients: 1, samples: samples(2), elapsed: time.Second},
		{setup: setupCountersign, rules: 1, clients: 1, samples: samples(3), elapsed: time.Second},
		{setup: setupNone, rules: 10_000, clients: 1, samples: samples(2, 2, 4), elapsed: time.Second},
		{setup: setupCEL, rules: 10_000, clients: 1, samples: samples(vap), elapsed: time.Second},
		{setup: setupCountersign, rules: 10_000, clients: 1, samples: samples(countersign), elapsed: 2 * time.Second},
	}
}

func TestTable(t *testing.T) {
	got := table(someRows(3, 500)[3:]).String()
	want := `| admission | rules | clients | creates | p50 | p99 | added at p50 | added at p99 | creates a second |
|---|---|---|---|---|---|---|---|---|
| none | 10000 | 1 | 3 | 2ms | 4ms | 0s | 0s | 3 |
| vap | 10000 | 1 | 1 | 500ms | 500ms | 498ms | 496ms | 1 |
| countersign | 10000 | 1 | 1 | 3ms | 3ms | 1ms | 1µs | 0 |`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAims(t *testing.T) {
	tests := map[string]struct {
		countersign, vap int
		want             string
	}{
		"held":         {3, 500, ""},
		"slow, growth": {5, 500, "milliseconds that Countersign adds at p50, 10000 rules, 1 client: 3, want at most 1.2\nwhat Countersign adds with 10000 rules, of that with 1: 3, want at most 1.5"},
		"outdone":      {3, 2, "what Countersign adds with 10000 rules, of what the ValidatingAdmissionPolicy does: 1000, want at most 1"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			page := report.NewPage("admission", "", "")
			addAims(page, someRows(tc.countersign, tc.vap))
			var got string
			if err := page.Write(t.TempDir(), nil); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A ConfigMap of rules holds as many as it is given, within its limit.
func TestPolicyOf(t *testing.T) {
	prefixes := make([]string, rulesPerConfigMap)
	for i := range prefixes {
		prefixes[i] = "kv/data/app-12345/"
	}
	if size := len(policyOf(1, prefixes).Data["policy.yaml"]); size > 1<<20 {
		t.Errorf("%d bytes", size)
	}
}

// The whole command, small: its numbers say nothing then, so that aims may be
// missed.
func TestAdmission(t *testing.T) {
	folder := t.TempDir()
	missed := run(folder, size{[]int{1, 20}, []int{1, 2}, 1, 50 * time.Millisecond})
	page, err := os.ReadFile(filepath.Join(folder, "admission.md"))
	if err != nil {
		t.Fatal(err, missed)
	}
	for _, want := range []string{"| countersign | 20 | 2 |", "kube-apiserver v", "(admission-2.svg)"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
