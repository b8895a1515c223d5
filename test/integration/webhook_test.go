package integration

import (
	"context"
	"strings"
	"testing"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// Point 6, stamp: what is new is stamped, what is not keeps its stamp, and an
// identical apply writes nothing.
func TestPoint6Stamp(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1", "b": "2"})
	spec := vaultHead + "data: [{name: a, key: kubernetes/data/NS/app, property: a}]"
	n.apply("app", spec)
	first := n.awaitSynced("app")
	if first.Annotations[api.StampedAt] == "" || first.Annotations[api.StampedBy] == "" {
		t.Fatalf("not stamped: %v", first.Annotations)
	}
	same := func(what string) *kesv1.ExternalSecret {
		t.Helper()
		now := n.get("app")
		if now.Annotations[api.StampedAt] != first.Annotations[api.StampedAt] {
			t.Errorf("%s changed the stamp from %s to %s", what, first.Annotations[api.StampedAt], now.Annotations[api.StampedAt])
		}
		return now
	}
	n.do(n.manifest("app", spec), "apply", "--server-side", "--field-manager=gitops", "--force-conflicts", "-f", "-")
	applied := same("a first server-side apply")
	n.do(n.manifest("app", spec), "apply", "--server-side", "--field-manager=gitops", "-f", "-")
	if again := same("an identical server-side apply"); again.ResourceVersion != applied.ResourceVersion {
		t.Error("an identical server-side apply wrote something")
	}
	if diff := n.kubectl(n.manifest("app", spec), "diff", "--server-side", "--field-manager=gitops", "-f", "-"); diff.ExitCode != 0 {
		t.Errorf("kubectl diff is not clean: %s", diff.Stdout)
	}
	n.do("", "label", "externalsecret", "app", "-n", n.ns, "x=y")
	same("a label")
	if told := n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "--overwrite", api.StampedAt+"=2099-01-01T00:00:00Z"); !strings.Contains(told, "is written by Countersign; your value was replaced by "+first.Annotations[api.StampedAt]) {
		t.Errorf("no warning: %s", told)
	}
	same("a user's own value")

	n.apply("app", strings.ReplaceAll(spec, "property: a", "property: b"))
	if changed := n.awaitSynced("app"); changed.Annotations[api.StampedAt] <= first.Annotations[api.StampedAt] {
		t.Errorf("stamp %s after %s", changed.Annotations[api.StampedAt], first.Annotations[api.StampedAt])
	}
}

// Point 6, enforce: an update is judged by what it asks anew, and a finalizer
// of a now-forbidden object can be removed.
func TestPoint6EnforceRatchet(t *testing.T) {
	n := newTenant(t)
	policy := "policy-" + n.ns
	n.changePolicy(func() {
		n.writePolicy(policy, policyHead+`
allow: [{name: old, namespaces: {names: [NS]}, paths: [kubernetes/data/old/*], roles: [`+role+`]}]`)
	})
	for _, path := range []string{"old/" + n.ns, n.ns + "/app"} {
		if err := n.env.Vault.PutKV(t.Context(), "kubernetes", path, map[string]any{"a": "1"}); err != nil {
			t.Fatal(err)
		}
	}
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/old/NS]")
	n.awaitSynced("app")
	n.do("", "patch", "externalsecret", "app", "-n", n.ns, "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/hold"]}}`)
	n.changePolicy(func() { n.writePolicy(policy, policyHead+"allow: []") })

	mark := n.mark()
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/old/NS, kubernetes/data/NS/app]")
	if told := n.refused("app", vaultHead+"dataFrom: [kubernetes/data/old/NS, kubernetes/data/old/other]"); !strings.Contains(told, "spec.dataFrom[1]: Forbidden") || strings.Contains(told, "spec.dataFrom[0]") {
		t.Errorf("kubectl said %s", told)
	}
	if told := n.refused("app", "backendType: vault\nvaultRole: NS\ndataFrom: [kubernetes/data/old/NS]"); !strings.Contains(told, "spec.dataFrom[0]: Forbidden") {
		t.Errorf("a new role makes every read new, but kubectl said %s", told)
	}
	n.awaitReason("app", "PolicyDenied")
	n.wantRequests(mark, harness.Counts{})

	// The shape of CVE-2023-34091: deletion is no licence.
	n.do("", "delete", "externalsecret", "app", "-n", n.ns, "--wait=false")
	n.refused("app", vaultHead+"dataFrom: [kubernetes/data/old/other]")
	n.do("", "patch", "externalsecret", "app", "-n", n.ns, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	n.wantRequests(mark, harness.Counts{})
}

// With the webhook away nothing is admitted, and what stands can be let go.
func TestWebhookAway(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	spec := vaultHead + "dataFrom: [kubernetes/data/NS/app]"
	n.apply("app", spec)
	n.awaitSynced("app")
	if err := n.process.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.start(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	if told := n.refused("second", spec); !strings.Contains(told, "failed calling webhook") {
		t.Errorf("kubectl said %s", told)
	}
	n.do("", "label", "externalsecret", "app", "-n", n.ns, "x=y")
	if got := n.data("app")["a"]; got != "1" {
		t.Errorf("the Secret holds %q", got)
	}
	for _, finalizers := range []string{`["example.com/hold"]`, "null"} {
		n.do("", "patch", "externalsecret", "app", "-n", n.ns, "--type=merge", "-p", `{"metadata":{"finalizers":`+finalizers+`}}`)
	}
	n.do("", "delete", "externalsecret", "app", "-n", n.ns)
}
