package synceso

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/test/harness"
)

// withPolicy has a document in force besides the chart's, until the test ends or
// what it returns is called.
func (n *tenant) withPolicy(text string) (remove func()) {
	n.t.Helper()
	manifest := n.text(fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata: {name: policy-NS, namespace: %s, labels: {%s: "true"}}
data:
  policy.yaml: |
    apiVersion: countersign.dev/v1alpha1
    kind: AccessPolicy
    %s`, releaseNamespace, policy.Label, strings.ReplaceAll(text, "\n", "\n    ")))
	n.do(manifest, "apply", "-f", "-")
	remove = func() {
		output, err := n.env.Kubectl(context.WithoutCancel(n.t.Context()), manifest, "delete", "--ignore-not-found", "-f", "-")
		if err != nil || output.ExitCode != 0 {
			n.t.Errorf("%v: %s", err, output.Stderr)
		}
	}
	n.t.Cleanup(remove)
	return remove
}

// ownSince are the requests that are not for another tenant's object: what failed
// there is tried again, also when the policy changes.
func (n *tenant) ownSince(mark harness.Mark) []harness.AuditEntry {
	n.t.Helper()
	return slices.DeleteFunc(n.requestsSince(mark), func(one harness.AuditEntry) bool {
		return one.Object != "" && !strings.HasPrefix(one.Object, n.ns+"/")
	})
}

// allowLater lets the tenant log in with one more role.
func (n *tenant) allowLater() (remove func()) {
	n.t.Helper()
	return n.withPolicy(`allow: [{name: later, namespaces: {names: [NS]}, paths: ["secret/data/{namespace}/*"], roles: [later]}]`)
}

// A store is judged again when the policy changes, without a request to Vault;
// what others have written into its status stays.
func TestStoreIsJudgedAgain(t *testing.T) {
	n := newTenant(t)
	mark := n.mark()
	deny := n.allowLater()
	store := strings.Replace(n.store("vault"), "role: "+role, "role: later", 1)
	harness.Await(t, within, func(context.Context) error {
		output, err := n.env.Kubectl(t.Context(), n.text(store), "apply", "-f", "-")
		if err == nil && output.ExitCode != 0 {
			err = errors.New(output.Stderr)
		}
		return err
	})
	n.awaitStore("vault", "True", "Valid")
	if got := n.storeStatus("vault").Capabilities; got != "ReadOnly" {
		t.Errorf("capabilities %q", got)
	}
	n.do("", "patch", "secretstores.external-secrets.io", "vault", "-n", n.ns, "--subresource=status", "--type=json",
		`-p=[{"op": "add", "path": "/status/conditions/-", "value": {"type": "Other", "status": "True", "reason": "Mine"}}]`)
	deny()
	n.awaitStore("vault", "False", "InvalidProviderConfig")
	text := fmt.Sprint(n.storeStatus("vault").Conditions)
	if !strings.Contains(text, "Mine") || !strings.Contains(text, "spec.provider.vault.auth") {
		t.Errorf("conditions %s", text)
	}
	n.allowLater()
	n.awaitStore("vault", "True", "Valid")
	if sent := n.ownSince(mark); len(sent) > 0 {
		t.Errorf("Vault was asked: %+v", sent)
	}
}

// A store of the whole cluster, and one from which nothing can be synced.
func TestStatusOfOtherStores(t *testing.T) {
	n := newTenant(t)
	wide := strings.NewReplacer("kind: SecretStore", "kind: ClusterSecretStore", ", namespace: NS", "").Replace(n.store("wide-" + n.ns))
	n.apply(wide, `apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: fake, namespace: NS}
spec: {controller: countersign, provider: {fake: {data: [{key: a, value: b}]}}}`)
	t.Cleanup(func() {
		if _, err := n.env.Kubectl(context.WithoutCancel(t.Context()), wide, "delete", "-f", "-"); err != nil {
			t.Error(err)
		}
	})
	n.do("", "wait", "clustersecretstores.external-secrets.io", "wide-"+n.ns, "--for=condition=Ready", "--timeout=60s")
	n.awaitStore("fake", "False", "InvalidProviderConfig")
	if text := fmt.Sprint(n.storeStatus("fake").Conditions); !strings.Contains(text, "spec.provider.fake: Forbidden: Countersign syncs from Vault only") {
		t.Errorf("conditions %s", text)
	}
}

// An object that stands although policy denies it is a violation while ESO syncs
// it, and none while Countersign does: that never reads it, and says so.
func TestViolationEndsWithTheClass(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	ofESO := strings.Replace(n.store("vault"), "  controller: countersign\n", "", 1)
	n.apply(ofESO, external("app", "vault", "NS/app", ""))
	n.withPolicy("allow: []\ndeny: [{name: tightened, paths: [secret/data/NS/app]}]")
	mark := n.mark()
	n.awaitViolations(true)
	n.apply(n.store("vault"))
	n.awaitViolations(false)
	n.awaitReady("app", "SecretSyncedError", "PolicyDenied")
	n.apply(ofESO)
	n.awaitViolations(true)
	if sent := n.ownSince(mark); len(sent) > 0 {
		t.Errorf("Vault was asked: %+v", sent)
	}
}

// awaitViolations waits until the metric has a series of the tenant, or none.
func (n *tenant) awaitViolations(want bool) {
	n.t.Helper()
	harness.Await(n.t, within, func(ctx context.Context) error {
		n.mu.Lock()
		process := n.process
		n.mu.Unlock()
		text, err := process.Metrics(ctx)
		if err != nil {
			return err
		}
		series := fmt.Sprintf(`countersign_standing_violations{kind="ExternalSecret",namespace=%q} 1`, n.ns)
		if got := strings.Contains(text, series); got != want {
			return fmt.Errorf("violation: %v, want %v", got, want)
		}
		return nil
	})
}
