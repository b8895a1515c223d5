package e2e

import (
	"slices"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign/countersign/test/cluster"
	"github.com/countersign/countersign/test/harness"
)

// The process of the leader is killed: the other replica goes on judging, and
// one of them goes on syncing.
func TestLoadLeaderKilled(t *testing.T) {
	node := onNode(t, "kill a process")
	counted := underLoad(t, func([]corev1.Pod) {
		held := leader(t)
		if err := node.Signal(containerOf(&held), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		restarted(t, &held)
		settled(t)
	})
	failedWithin(t, counted, 10*time.Second)
}

// The apiserver ends and is back: what failed in between failed for everybody.
func TestLoadAPIServerRestarted(t *testing.T) {
	node := onNode(t, "restart the apiserver")
	counted := underLoad(t, func(before []corev1.Pod) {
		if err := node.Restart(cluster.APIServer); err != nil {
			t.Fatal(err)
		}
		for _, pod := range settled(t) {
			if !slices.ContainsFunc(before, func(old corev1.Pod) bool { return containerOf(&old) == containerOf(&pod) }) {
				t.Errorf("%s was restarted, too", pod.Name)
			}
		}
	})
	failedWithin(t, counted, 30*time.Second)
}

// Vault is stopped, and then sealed: admission does not need it, Secrets stay,
// and what waited is synced when it is back.
func TestLoadVaultAway(t *testing.T) {
	node := onNode(t, "stop Vault")
	nothingFailed(t, underLoad(t, func([]corev1.Pod) {
		steps := []struct {
			name       string
			away, back func() error
		}{
			{"stopped", func() error { return node.Stop(cluster.Vault) }, func() error { return node.Start(cluster.Vault) }},
			// It unseals itself when it starts.
			{"sealed", func() error { return shared.env.Vault.Client.Sys().SealWithContext(t.Context()) }, func() error { return node.Restart(cluster.Vault) }},
		}
		for _, step := range steps {
			waits := "while-" + step.name
			if err := step.away(); err != nil {
				t.Fatal(err)
			}
			kubectl(t, externalSecret(waits, "kubernetes/data/team-e2e/app"), "apply", "-f", "-")
			kubectl(t, "", "wait", "externalsecret/"+waits, "--namespace="+tenant,
				`--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=VaultUnavailable`, "--timeout=1m")
			kubectl(t, "", "get", "secret", "standing-0", "--namespace="+tenant)
			if err := step.back(); err != nil {
				t.Fatal(err)
			}
			harness.Await(t, within, shared.env.Vault.Healthy)
			kubectl(t, "", "wait", "externalsecret/"+waits, "--namespace="+tenant, "--for=condition=Ready", "--timeout=2m")
			kubectl(t, "", "delete", "externalsecret", waits, "--namespace="+tenant)
		}
	}))
}
