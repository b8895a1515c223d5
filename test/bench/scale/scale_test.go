package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/test/harness"
	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/bench/report"
	"github.com/countersign/countersign/test/bench/stage"
)

func TestParseSizes(t *testing.T) {
	tests := map[string]struct {
		text string
		want []int
	}{
		"one":         {"5", []int{5}},
		"growing":     {"1,20,300", []int{1, 20, 300}},
		"shrinking":   {"20,1", nil},
		"none":        {"0", nil},
		"not numbers": {"many", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseSizes(tc.text)
			if diff := cmp.Diff(tc.want, got); diff != "" || (err == nil) != (tc.want != nil) {
				t.Errorf("%v: %s", err, diff)
			}
		})
	}
}

func TestAPIRequests(t *testing.T) {
	const text = `# HELP apiserver_request_total of apiserver_request_total{resource="secrets"} 9
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="POST",version="v1"} 10
apiserver_request_total{code="409",group="",resource="secrets",subresource="",verb="POST"} 2
apiserver_request_total{code="200",group="kubernetes-client.io",resource="externalsecrets",subresource="status",verb="PATCH"} 7
apiserver_request_total{code="200",group="",resource="pods",subresource="",verb="GET"} 99
`
	counts, err := parseAPIRequests(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(apiRequests{"POST secrets": 12, "PATCH externalsecrets/status": 7}, counts); diff != "" {
		t.Error(diff)
	}
	added := counts.since(apiRequests{"POST secrets": 2, "PATCH externalsecrets/status": 7})
	if got := added.perObject(4); got != "2.5 POST secrets" || added.total() != 10 {
		t.Errorf("%q, %v in all", got, added.total())
	}
}

func someResult(objects int) result {
	return result{
		tenants: stage.Tenants{Objects: objects, Sharing: 2}, took: time.Second, cost: stage.Cost{CPU: float64(objects) / 100, PeakRSS: 1e8},
		requests: harness.Counts{Login: 1, Read: objects}, api: apiRequests{"POST secrets": float64(objects)}, window: time.Minute,
		resync: resync{requests: 2, touched: 2},
	}
}

func TestAims(t *testing.T) {
	tests := map[string]struct {
		change func(*result)
		want   string
	}{
		"good":              {func(*result) {}, ""},
		"a poller":          {func(r *result) { r.atRest.Read = 1 }, "10000 objects: requests at rest: 1, want at most 0"},
		"a poller to come":  {func(r *result) { r.scheduled = 1 }, "10000 objects: requests at rest: 1, want at most 0"},
		"a loud restart":    {func(r *result) { r.restarted.Login = 1 }, "10000 objects: requests of a restart: 1, want at most 0"},
		"reads twice":       {func(r *result) { r.requests.Read++ }, "10000 objects: requests of the cold sync: 10002, want at most 10001"},
		"reads other paths": {func(r *result) { r.resync.elsewhere = 1 }, "10000 objects: requests of the resync for other paths: 1, want at most 0"},
		"touches others":    {func(r *result) { r.resync.wrong = 1 }, "10000 objects: objects that the resync should have left alone, or not: 1, want at most 0"},
		"a large process":   {func(r *result) { r.cost.PeakRSS = 2e8 }, "10000 objects: peak memory in MB: 200, want at most 150"},
		"grows":             {func(r *result) { r.cost.CPU *= 2 }, "CPU of an object among 10000, of that among 1000: 2, want at most 1.5"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			large := someResult(10_000)
			tc.change(&large)
			page, err := newPage([]result{someResult(1000), large}, &report.Environment{})
			if err != nil {
				t.Fatal(err)
			}
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

// The whole command, small. What an object costs says nothing then.
func TestScale(t *testing.T) {
	folder := t.TempDir()
	missed := run([]int{5}, time.Second, folder)
	if missed != nil {
		t.Fatal(missed)
	}
	page, err := os.ReadFile(filepath.Join(folder, "scale.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 5 | 0 | 0 |", "1.0 APPLY secrets", "(scale-memory.svg)", "| 5 objects: requests of the resync | 2 |"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
