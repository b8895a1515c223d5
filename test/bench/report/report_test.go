package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPercentile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	tests := map[string]struct {
		samples []int
		percent int
		want    int
	}{
		"one":               {[]int{5}, 99, 5},
		"middle, unordered": {[]int{3, 1, 2}, 50, 2},
		"lower middle":      {[]int{4, 1, 3, 2}, 50, 2},
		"last":              {[]int{1, 2, 3, 4}, 99, 4},
		"99th of 100":       {hundred, 99, 99},
		"smallest":          {hundred, 0, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Percentile(tc.samples, tc.percent); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestReadable(t *testing.T) {
	got := []string{
		Number(0), Number(574), Number(1.234), Number(123.7), Ratio(0.72), Ratio(22.4), Ratio(13456),
		Time(576 * time.Nanosecond), Time(1234567 * time.Nanosecond), Time(3456 * time.Millisecond), Megabytes(64_400_000),
	}
	want := []string{"0", "574", "1.23", "124", "0.7", "22", "13000", "576ns", "1.23ms", "3.46s", "64 MB"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A page has its parts in the order in which they were added; it fails by what
// needs no peer only.
func TestPage(t *testing.T) {
	page := NewPage("speed", "How fast?", "Very.")
	page.started = time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC)
	page.Environment(&Environment{processor: "Abacus", versions: []string{"Vault 1"}, notes: []string{"by hand"}})
	table := NewTable("a", "b")
	table.Add(1, "x")
	page.Table(table)
	if err := page.Lines("speed-lines", Plot{Title: "Lines", LogX: true}, Line{"one", []Point{{1, 2}, {10, 3}}}); err != nil {
		t.Fatal(err)
	}
	if err := page.Bars("speed-bars", Plot{Title: "Bars"}, Bar{"x", 1}, Bar{"y", 2}); err != nil {
		t.Fatal(err)
	}
	page.Aim(Aim{What: "requests", Got: 4, AtMost: 4})
	page.Aim(Aim{What: "memory", Got: 2.5, AtMost: 2})
	page.Aim(Aim{What: "time of a peer", Got: 9, AtMost: 1, NeedsPeer: true})
	folder := t.TempDir()
	if err := page.Write(folder, io.Discard); err == nil || err.Error() != "memory: 2.5, want at most 2" {
		t.Errorf("%v", err)
	}
	want := `# How fast?

Very.

Made by ` + "`make bench-speed`" + ` on 2026-11-25:

- Abacus, CORES, PLATFORM
- ` + goVersion() + `, Vault 1
- by hand

| a | b |
|---|---|
| 1 | x |

![Lines](speed-lines.svg)

![Bars](speed-bars.svg)

## Aims

| aim | at most | measured | held |
|---|---|---|---|
| requests | 4 | 4 | yes |
| memory | 2 | 2.5 | **no** |
| time of a peer | 1 | 9 | **no** |
`
	got := string(content(t, folder, "speed.md"))
	machine := got[strings.Index(got, "Abacus, ")+len("Abacus, ") : strings.Index(got, "\n- go")]
	if !strings.HasSuffix(machine, runtime.GOOS+"/"+runtime.GOARCH) {
		t.Errorf("the machine is %q", machine)
	}
	if diff := cmp.Diff(want, strings.Replace(got, machine, "CORES, PLATFORM", 1)); diff != "" {
		t.Error(diff)
	}
	for _, plot := range []string{"speed-lines.svg", "speed-bars.svg"} {
		isXML(t, content(t, folder, plot))
	}
}

func content(t *testing.T, folder, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func isXML(t *testing.T, text []byte) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(string(text)))
	elements := 0
	for {
		switch token, err := decoder.Token(); {
		case errors.Is(err, io.EOF) && elements > 10:
			return
		case err != nil:
			t.Fatalf("after %d elements: %v", elements, err)
		default:
			if _, ok := token.(xml.StartElement); ok {
				elements++
			}
		}
	}
}

// A busy machine is told, a quiet one is not.
func TestEnvironmentTellsLoad(t *testing.T) {
	for busy, want := range map[float64]bool{0.1: false, 0.6: true} {
		e := &Environment{processor: "Abacus", busy: busy}
		if got := strings.Contains(e.String(), "busy"); got != want {
			t.Errorf("busy for %v is told: %t", busy, got)
		}
	}
	e, err := NewEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	e.Version("Vault", "1")
	e.Version("Vault", "1")
	if diff := cmp.Diff([]string{"Vault 1"}, e.versions); diff != "" {
		t.Error(diff)
	}
}
