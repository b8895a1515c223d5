package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func samples(milliseconds ...int) []sample {
	var all []sample
	for _, one := range milliseconds {
		all = append(all, time.Duration(one)*time.Millisecond)
	}
	return all
}

func TestPercentile(t *testing.T) {
	tests := map[string]struct {
		samples []sample
		percent int
		want    time.Duration
	}{
		"one":               {samples(5), 99, 5 * time.Millisecond},
		"middle, unordered": {samples(3, 1, 2), 50, 2 * time.Millisecond},
		"last":              {samples(1, 2, 3, 4), 99, 4 * time.Millisecond},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := percentile(tc.samples, tc.percent); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestPrintTable(t *testing.T) {
	var out strings.Builder
	printTable(&out, []row{{setup: "vap", rules: 10_000, samples: samples(500, 520, 510), baseline: samples(2, 2, 4)}})
	want := `| admission | rules | creates | p50 | p99 | added at p50 | over none |
|---|---|---|---|---|---|---|
| vap | 10000 | 3 | 510.00 ms | 520.00 ms | 508.00 ms | 255.00 |
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
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
