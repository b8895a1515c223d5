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

func TestTable(t *testing.T) {
	run := func(seconds int) result {
		return result{
			took: time.Duration(seconds) * time.Second, counts: harness.Counts{Login: 1, Read: 573},
			peak: 200, cost: stage.Cost{CPU: 1.25, PeakRSS: 64_000_000},
		}
	}
	got := table([]row{{contender{name: "somebody"}, 573, []result{run(9), run(4), run(5)}}}).String()
	want := `|  | objects | until all Secrets stand | Vault requests (logins / token calls / reads) | most in a second | peak RSS | CPU |
|---|---|---|---|---|---|---|
| somebody | 573 | 5.0 s | 574 (1 / 0 / 573) | 200 | 64 MB | 1.2 s |`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Too many requests fail, and so does any one run that has them; a peer that is
// better does not.
func TestAims(t *testing.T) {
	good := result{took: time.Second, counts: harness.Counts{Login: 1, Read: 3}, peak: 4, cost: stage.Cost{CPU: 1, PeakRSS: 1}}
	loud := good
	loud.counts.Read = 4
	tests := map[string]struct {
		lifted []result
		peer   []result
		want   string
	}{
		"good":            {[]result{good}, nil, ""},
		"one run is loud": {[]result{good, loud, good}, nil, "requests of a run of " + countersignLifted + ": 5, want at most 4"},
		"a better peer":   {[]result{good}, []result{good}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			rows := []row{
				{contender{name: countersignDefault}, 3, []result{good}},
				{contender{name: countersignLifted}, 3, tc.lifted},
			}
			if tc.peer != nil {
				rows = append(rows, row{contender{name: peerTuned, peer: true}, 3, tc.peer})
			}
			page := report.NewPage("fleet", "", "")
			addAims(page, rows)
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

// The whole command, small.
func TestFleet(t *testing.T) {
	folder := t.TempDir()
	if err := run(3, 1, folder); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(folder, "fleet.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| 4 (1 / 0 / 3) |", "kube-apiserver v", "![Until all Secrets stand](fleet-time.svg)"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
