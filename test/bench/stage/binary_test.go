package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A program that is read anew is still the same, what was not on the disk yet
// included.
func TestReadAnew(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "program")
	want := strings.Repeat("text", 1<<20)
	if err := os.WriteFile(binary, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadAnew(binary); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if err := ReadAnew(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v", err)
	}
}
