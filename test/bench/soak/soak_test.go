package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/bench/report"
)

func someSamples(goroutines ...float64) []sample {
	var samples []sample
	for i, number := range goroutines {
		samples = append(samples, sample{at: time.Duration(i) * time.Second, goroutines: number, heap: 1e6, rss: 2e6, lines: 100})
	}
	return samples
}

func TestGrowth(t *testing.T) {
	tests := map[string]struct {
		samples []sample
		want    float64
	}{
		"flat":                  {someSamples(5, 5, 5, 5), 1},
		"only the start grows":  {someSamples(1, 5, 5, 5), 1},
		"doubles":               {someSamples(1, 1, 5, 5, 7, 7, 10, 10), 2},
		"too short to be known": {someSamples(1, 9), 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := growth(tc.samples, 50, goroutines); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

func TestCountSeries(t *testing.T) {
	const text = `# HELP about "soaked-1"
ready{name="soaked-1",namespace="team-1"} 1
ready{name="soaked-11",namespace="team-1"} 0
syncs_total{result="Synced"} 5
`
	series, left := countSeries(text, map[client.ObjectKey]bool{{Namespace: "team-1", Name: "soaked-1"}: true})
	if series != 2 || left != 1 {
		t.Errorf("%d series, %d left; want 2, 1", series, left)
	}
}

func TestAims(t *testing.T) {
	flat, leaking := someSamples(5, 5, 5, 5), someSamples(5, 5, 5, 5)
	leaking[3].heap += 4e6
	tests := map[string]struct {
		result result
		want   string
	}{
		"good":             {result{samples: flat, logins: 1, sessions: 1}, ""},
		"a leaked login":   {result{samples: flat, logins: 3, sessions: 1}, "logins that Vault holds beyond the sessions of the process: 2, want at most 0"},
		"a leaked series":  {result{samples: flat, left: 1}, "series that name objects which are gone: 1, want at most 0"},
		"leaks goroutines": {result{samples: someSamples(5, 5, 8, 10)}, "growth of goroutines: 2, want at most 1.25"},
		"leaks objects":    {result{samples: leaking, tally: tally{created: 1000, deleted: 1000}}, "bytes of heap for each change: 4000, want at most 2000"},
		"keeps events":     {result{samples: leaking, tally: tally{created: 1500, deleted: 1500, updated: 1500}}, ""},
		"never ready":      {result{samples: flat, notReady: 1}, "objects that are not ready in the end: 1, want at most 0"},
		"let pass":         {result{samples: flat, tally: tally{wronglyAdmitted: 1}}, "forbidden and admitted: 1, want at most 0"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			page := report.NewPage("soak", "", "")
			addAims(page, &tc.result)
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

// The whole command, short: growth says nothing then, the rest has to hold.
func TestSoak(t *testing.T) {
	folder := t.TempDir()
	missed := run(size{10 * time.Second, 20, 2, 50 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second}, folder)
	page, err := os.ReadFile(filepath.Join(folder, "soak.md"))
	if err != nil {
		t.Fatal(err, missed)
	}
	for _, want := range []string{
		"(soak-goroutines.svg)", "| logins that Vault holds beyond the sessions of the process | 0 | 0 | yes |", "| series that name objects which are gone | 0 | 0 | yes |",
		"| forbidden and admitted | 0 | 0 | yes |", "| objects that are not ready in the end | 0 | 0 | yes |",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
