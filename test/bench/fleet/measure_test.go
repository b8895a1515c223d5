package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/harness"
)

func TestFullestSecond(t *testing.T) {
	tests := map[string]struct {
		milliseconds []int
		want         int
	}{
		"none":                       {nil, 0},
		"one":                        {[]int{5}, 1},
		"over the turn of a second":  {[]int{100, 900, 1000, 1050}, 4},
		"a second apart":             {[]int{0, 1000, 2000}, 1},
		"the fullest is in between":  {[]int{0, 1500, 1600, 1700, 3000}, 3},
		"the fullest is at the end":  {[]int{0, 2000, 2001}, 2},
		"the fullest is the first":   {[]int{0, 1, 2, 5000}, 3},
		"all at the very same time":  {[]int{7, 7, 7}, 3},
		"just less than a second on": {[]int{0, 999}, 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var requests []harness.AuditEntry
			for _, at := range tc.milliseconds {
				requests = append(requests, harness.AuditEntry{Time: time.Time{}.Add(time.Duration(at) * time.Millisecond)})
			}
			if got := fullestSecond(requests); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestPrintTable(t *testing.T) {
	var out strings.Builder
	run := func(seconds int) result {
		return result{
			took: time.Duration(seconds) * time.Second, counts: harness.Counts{Login: 1, Read: 573},
			peak: 200, cpu: 1.25, peakRSS: 64_000_000,
		}
	}
	printTable(&out, []row{{"default", 573, []result{run(9), run(4), run(5)}}})
	want := `| budget | objects | runs | until all Secrets stand | Vault requests (logins / token calls / reads) | most in a second | peak RSS | CPU | requests of a restart |
|---|---|---|---|---|---|---|---|---|
| default | 573 | 3 | 5.0 s | 574 (1 / 0 / 573) | 200 | 64 MB | 1.2 s | 0 |
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		result result
		want   string
	}{
		"one login, one read each": {result{counts: harness.Counts{Login: 1, Read: 3}}, ""},
		"a read twice":             {result{counts: harness.Counts{Login: 1, Read: 4}}, "budget b: 5 requests for 3 objects"},
		"a loud restart":           {result{restart: harness.Counts{Login: 1}}, "budget b: a restart sent 1 requests"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got string
			if err := check([]row{{"b", 3, []result{tc.result}}}); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
