package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// turnLink replaces a file as the kubelet does, by turning a link.
func turnLink(t *testing.T, folder, generation, content string) {
	t.Helper()
	fresh := filepath.Join(folder, generation)
	if err := os.Mkdir(fresh, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(fresh, "settings.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(folder, "..data_next")
	if err := os.Symlink(generation, next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(folder, "..data")); err != nil {
		t.Fatal(err)
	}
}

func budget(rate string) string {
	return head + "vaults: {default: {address: 'https://vault:8200', requestsPerSecond: " + rate + ", burst: 7}}\n"
}

// A changed budget is taken in while the process runs; a file that is no good
// changes nothing, and the next good one counts again.
func TestSettingsWatcher(t *testing.T) {
	folder := t.TempDir()
	turnLink(t, folder, "one", budget("10"))
	if err := os.Symlink(filepath.Join("..data", "settings.yaml"), filepath.Join(folder, "settings.yaml")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "settings.yaml")
	settings, err := LoadSettings(file)
	if err != nil {
		t.Fatal(err)
	}
	budgets := make(chan float64, 10)
	watcher := NewSettingsWatcher(file, settings, func(vaults map[string]Vault) { budgets <- vaults["default"].RequestsPerSecond })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- watcher.Start(ctx) }()
	next := func() float64 {
		select {
		case rate := <-budgets:
			return rate
		case <-time.After(time.Minute):
			t.Fatal("no budget after a minute")
			return 0
		}
	}
	got := []float64{next()}
	turnLink(t, folder, "two", budget("20"))
	got = append(got, next())
	turnLink(t, folder, "three", budget("-1"))
	turnLink(t, folder, "four", budget("40"))
	got = append(got, next())
	if diff := cmp.Diff([]float64{10, 20, 40}, got); diff != "" {
		t.Error(diff)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSettingsWatcherWithoutAFolder(t *testing.T) {
	watcher := NewSettingsWatcher(filepath.Join(t.TempDir(), "none", "settings.yaml"), &Settings{}, nil)
	if err := watcher.Start(t.Context()); err == nil {
		t.Error("a folder that is not there is watched")
	}
}

func TestWithoutBudgets(t *testing.T) {
	one, err := ParseSettings([]byte(budget("10")))
	if err != nil {
		t.Fatal(err)
	}
	other, err := ParseSettings([]byte(budget("20")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(withoutBudgets(one), withoutBudgets(other)); diff != "" {
		t.Error(diff)
	}
	if one.Vaults["default"].RequestsPerSecond != 10 {
		t.Error("the settings themselves were changed")
	}
}
