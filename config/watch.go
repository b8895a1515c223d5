package config

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// SettingsWatcher follows the settings file for what may change while the
// process runs: the budgets of the Vaults. Anything else waits for a restart. It
// runs on every replica, any of which may lead next.
type SettingsWatcher struct {
	file string
	// budgets is called with the Vaults as they stand in the file now.
	budgets func(map[string]Vault)
	content []byte
	// settings were taken in last.
	settings *Settings
}

// NewSettingsWatcher watches a file whose settings are in force.
func NewSettingsWatcher(file string, inForce *Settings, budgets func(map[string]Vault)) *SettingsWatcher {
	return &SettingsWatcher{file: file, budgets: budgets, settings: inForce}
}

// NeedLeaderElection is false: see above.
func (w *SettingsWatcher) NeedLeaderElection() bool { return false }

// Start watches the folder and not the file: a mounted ConfigMap is replaced by
// turning a link.
func (w *SettingsWatcher) Start(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch settings: %w", err)
	}
	defer func() { _ = watcher.Close() }()
	if err := watcher.Add(filepath.Dir(w.file)); err != nil {
		return fmt.Errorf("watch settings: %w", err)
	}
	// What changed before the watch began is not missed.
	w.look(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			log.FromContext(ctx).Error(err, "settings are not followed for a moment")
		case <-watcher.Events:
			w.look(ctx)
		}
	}
}

// look takes the file in if it has changed. One that cannot be read, or is no
// good, changes nothing.
func (w *SettingsWatcher) look(ctx context.Context) {
	content, err := os.ReadFile(w.file)
	if err != nil || bytes.Equal(content, w.content) {
		return
	}
	w.content = content
	settings, err := parseSettings(content, os.LookupEnv)
	if err != nil {
		log.FromContext(ctx).Error(err, "the settings file is no good; what was read before stays in force")
		return
	}
	if !equality.Semantic.DeepEqual(withoutBudgets(settings), withoutBudgets(w.settings)) {
		log.FromContext(ctx).Info("the settings file has changed; all but the budgets waits for a restart")
	}
	w.settings = settings
	w.budgets(settings.Vaults)
}

func withoutBudgets(settings *Settings) *Settings {
	rest := *settings
	rest.Vaults = map[string]Vault{}
	for name, vault := range settings.Vaults {
		vault.RequestsPerSecond, vault.Burst = 0, 0
		rest.Vaults[name] = vault
	}
	return &rest
}
