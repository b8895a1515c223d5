package synceso

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/test/harness"
)

// command runs bin/countersign against the cluster. NS stands for the tenant's
// namespace.
func (n *tenant) command(stdin string, args ...string) harness.Output {
	n.t.Helper()
	for i := range args {
		args[i] = n.text(args[i])
	}
	output, err := n.env.Countersign(n.t.Context(), n.text(stdin), append(args, "--kubeconfig", n.env.Kubeconfig)...)
	if err != nil {
		n.t.Fatal(err)
	}
	output.Stdout = strings.ReplaceAll(output.Stdout, n.ns, "NS")
	return output
}

// Once resync --wait says so the Secret has the new value, also where ESO would
// read no more; what is suspended or denied is told.
func TestResyncWaits(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.store("vault"), external("app", "vault", "NS/app", "refreshPolicy: CreatedOnce"))
	n.awaitValue("app", "a", "1")
	const synced = "synced ExternalSecret.external-secrets.io NS/app\n"
	for _, value := range []string{"2", "3"} {
		n.put(n.ns+"/app", map[string]any{"a": value})
		mark := n.mark()
		if got := n.command("", "resync", "--path", "secret/data/NS/app", "--wait"); got.ExitCode != 0 || got.Stdout != synced {
			t.Fatalf("%+v", got)
		}
		secret := &corev1.Secret{}
		if err := n.get(t.Context(), "app", secret); err != nil || string(secret.Data["a"]) != value {
			t.Errorf("the Secret holds %q, want %q, error %v", secret.Data["a"], value, err)
		}
		if reads := harness.CountRequests(n.ownSince(mark)).Read; reads != 1 {
			t.Errorf("%d reads", reads)
		}
	}
	n.annotate("app", api.Suspend+"=true")
	const suspended = "suspended ExternalSecret.external-secrets.io NS/app: it is read once countersign.dev/suspend is gone\n"
	if got := n.command("", "resync", "-n", "NS", "app", "--wait"); got.ExitCode != 0 || got.Stdout != suspended {
		t.Errorf("%+v", got)
	}
}

// The commands judge what Countersign syncs as admission does: what it cannot do
// is denied, and what ESO could do is not.
func TestCommandsJudgeWhatIsSynced(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.store("vault"), external("app", "vault", "NS/app", ""))
	n.awaitValue("app", "a", "1")
	if got := n.command("", "audit", "-n", "NS"); got.ExitCode != 0 || !strings.Contains(got.Stdout, "allowed  ExternalSecret.external-secrets.io  NS") {
		t.Errorf("%+v", got)
	}
	manifest := external("made", "vault", "NS/app", "target: {manifest: {apiVersion: v1, kind: ConfigMap}}")
	explain := []string{"policy", "explain", "--live", "-f", "-"}
	if got := n.command(manifest, explain...); got.ExitCode != 1 || !strings.Contains(got.Stdout, "verdict: denied") || !strings.Contains(got.Stdout, "spec.target.manifest: Forbidden") {
		t.Errorf("%+v", got)
	}
	ofESO := strings.Replace(n.store("vault"), "  controller: countersign\n", "", 1)
	if got := n.command(manifest+"\n---\n"+ofESO, explain...); got.ExitCode != 0 || !strings.Contains(got.Stdout, "verdict: allowed") {
		t.Errorf("by a store of ESO's: %+v", got)
	}
}
