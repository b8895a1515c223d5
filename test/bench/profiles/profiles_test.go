package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

// stack of functions, the innermost first.
func stack(value int64, names ...string) *profile.Sample {
	s := &profile.Sample{Value: []int64{1, value}}
	for _, name := range names {
		s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
	}
	return s
}

func TestShares(t *testing.T) {
	const module = "github.com/countersign/"
	taken := &profile.Profile{Sample: []*profile.Sample{
		stack(5, "encoding/json.Marshal", module+reconciler+"write", module+reconciler+"Reconcile"),
		stack(7, "encoding/json.Marshal", module+reconciler+"save", module+reconciler+"Reconcile"),
		stack(1, "runtime.mallocgc", module+reconciler+"Reconcile"),
		stack(2, "runtime.mallocgc", "runtime.gcAssistAlloc", module+reconciler+"write"),
		stack(3, "main.main"),
		stack(0, "main.idle"),
	}}
	opts := cmp.AllowUnexported(share{})
	if diff := cmp.Diff([]share{
		{"writing the status", 7}, {"writing the Secret", 5}, {other, 3}, {"collecting garbage", 2}, {"the rest of a reconcile: judge, compare, log", 1},
	}, byPurpose(taken, syncPurposes()), opts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]share{{"encoding/json.Marshal", 12}, {"main.main", 3}, {"runtime.mallocgc", 3}}, byFunction(taken), opts); diff != "" {
		t.Error(diff)
	}
}

// The whole command, small; the profiles are served by the process itself.
func TestProfiles(t *testing.T) {
	folder, keep := t.TempDir(), t.TempDir()
	if err := run(size{20, 2, 2 * time.Second}, keep, folder); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(folder, "profiles.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## The processor, in a cold sync", "## The processor, in admission", "## Memory in use after the sync", "| all |", "Countersign "} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if kept, _ := filepath.Glob(filepath.Join(keep, "*.pb.gz")); len(kept) != 3 {
		t.Errorf("kept %v", kept)
	}
}
