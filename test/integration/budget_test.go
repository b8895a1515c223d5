package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// The budget of a Vault is changed in the settings' ConfigMap, and is in force
// without a restart.
func TestBudgetChangesWithoutARestart(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.awaitSynced("app")
	pid := n.process.PID()

	n.setBudget("requestsPerSecond: 100", "requestsPerSecond: 0.001")
	n.setBudget("burst: 200", "burst: 1")
	// The burst that was saved is spent by then: the next but one has to wait.
	n.awaitWaiting(1)
	n.setBudget("requestsPerSecond: 0.001", "requestsPerSecond: 100")
	n.setBudget("burst: 1\n", "burst: 200\n")
	n.awaitWaiting(0)
	n.awaitSynced("app")
	if n.process.PID() != pid {
		t.Error("the process was started anew")
	}
}

// setBudget edits the settings as a helm upgrade would.
func (n *tenant) setBudget(old, changed string) {
	n.t.Helper()
	harness.Await(n.t, within, func(ctx context.Context) error {
		settings := &corev1.ConfigMap{}
		if err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: "countersign"}, settings); err != nil {
			return err
		}
		text := settings.Data["settings.yaml"]
		if !strings.Contains(text, old) {
			return fmt.Errorf("no %q in the settings: %s", old, text)
		}
		settings.Data["settings.yaml"] = strings.Replace(text, old, changed, 1)
		return n.env.Client.Update(ctx, settings)
	})
}

// awaitWaiting asks for the values again until a request waits for the budget,
// or until none does.
func (n *tenant) awaitWaiting(want int) {
	n.t.Helper()
	attempt := 0
	harness.Await(n.t, within, func(context.Context) error {
		if strings.Contains(n.metrics(), fmt.Sprintf("countersign_vault_budget_waiting{vault=\"default\"} %d\n", want)) {
			return nil
		}
		attempt++
		n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "--overwrite", fmt.Sprintf("countersign.dev/resync=%d-%d", want, attempt))
		return errors.New("the number of requests that wait is another")
	})
}
