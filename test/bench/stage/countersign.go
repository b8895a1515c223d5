package stage

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/countersign/countersign/test/harness"
)

// Budget is the highest request rate to Vault.
type Budget struct{ PerSecond, Burst int }

// DefaultBudget is the chart's.
func DefaultBudget() Budget { return Budget{100, 200} }

// LiftedBudget never makes anybody wait.
func LiftedBudget() Budget { return Budget{100_000, 100_000} }

// InstallCountersign leaves a process that admits, and syncs nothing.
func (s *Stage) InstallCountersign(ctx context.Context, budget Budget) error {
	if err := s.InstallChart(ctx, budget); err != nil {
		return err
	}
	var err error
	if s.Admission, err = s.Env.StartCountersign(ctx, s.Release, harness.ProcessOptions{Args: []string{"--sync=false"}}); err != nil {
		return err
	}
	return s.Admission.WaitReady(ctx)
}

// InstallChart has no process run yet. Tenants may read their own tree, and the
// shared path.
func (s *Stage) InstallChart(ctx context.Context, budget Budget) error {
	s.Release = harness.Release{Name: account, Namespace: ReleaseNamespace, Values: map[string]any{
		"vault": map[string]any{"address": s.VaultAddress, "requestsPerSecond": budget.PerSecond, "burst": budget.Burst},
		"policy": map[string]any{
			"mounts": map[string]any{Mount: map[string]any{"kv": 2}},
			"allow": []any{map[string]any{
				"name": "own-tree", "namespaces": map[string]any{"names": []any{TenantPrefix + "*"}},
				"paths": []any{Mount + "/data/{namespace}/*", Mount + "/data/" + SharedPath}, "roles": []any{Role},
			}},
		},
	}}
	return s.Env.InstallChart(ctx, s.Release)
}

// Sync starts a process that syncs, and does nothing else.
func (s *Stage) Sync(ctx context.Context, args ...string) (*harness.Process, error) {
	return s.Env.StartCountersign(ctx, s.Release, harness.ProcessOptions{Args: append([]string{"--admission=false", "--leader-elect=false"}, args...)})
}

// AwaitIdle returns when the process has looked at that many objects and none
// waits.
func AwaitIdle(ctx context.Context, process *harness.Process, objects int) error {
	return harness.Eventually(ctx, 100*time.Millisecond, within, func(ctx context.Context) error {
		looked, err := Metric(ctx, process, "controller_runtime_reconcile_total", `controller="externalsecret.`, `result="success"`)
		if err != nil {
			return err
		}
		waiting, err := Metric(ctx, process, "countersign_queue_length")
		if err == nil && (int(looked) < objects || waiting > 0) {
			err = fmt.Errorf("%v of %d objects were looked at, %v wait", looked, objects, waiting)
		}
		return err
	})
}

// Metric sums what a scrape tells under a name with those labels.
func Metric(ctx context.Context, process *harness.Process, name string, labels ...string) (float64, error) {
	text, err := process.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	return sumSeries(text, name, labels)
}

func sumSeries(text, name string, labels []string) (float64, error) {
	var sum float64
	for line := range strings.Lines(text) {
		cut := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		if cut < 0 || !isSeries(line[:cut], name, labels) {
			continue
		}
		number, err := strconv.ParseFloat(strings.TrimSpace(line[cut:]), 64)
		if err != nil {
			return 0, err
		}
		sum += number
	}
	return sum, nil
}

func isSeries(series, name string, labels []string) bool {
	if series != name && !strings.HasPrefix(series, name+"{") {
		return false
	}
	for _, label := range labels {
		if !strings.Contains(series, label) {
			return false
		}
	}
	return true
}
