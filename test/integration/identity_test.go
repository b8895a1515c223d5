package integration

import (
	"strings"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/test/harness"
)

// A rule with an identity has the tenant's own ServiceAccount log in, so that
// Vault itself tells tenants apart: its role is bound to that account alone.
func TestIdentity(t *testing.T) {
	n := newTenant(t)
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow:
- {name: own, namespaces: {names: [NS]}, paths: [kubernetes/data/private/NS/*], roles: [NS], identity: {serviceAccount: vault-reader}}
- {name: unlisted, namespaces: {names: [NS]}, paths: [kubernetes/data/unlisted/NS/*], roles: [NS], identity: {serviceAccount: default}}`)
	})
	for _, path := range []string{"private/" + n.ns + "/app", "unlisted/" + n.ns + "/app"} {
		if err := n.env.Vault.PutKV(t.Context(), "kubernetes", path, map[string]any{"a": "1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.env.Vault.WriteRole(t.Context(), "kubernetes", harness.Role{
		Name: n.ns, ServiceAccounts: []string{"vault-reader"}, Namespaces: []string{n.ns},
		Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
	}); err != nil {
		t.Fatal(err)
	}
	mark := n.mark()
	n.apply("app", "backendType: vault\nvaultRole: NS\ndataFrom: [kubernetes/data/private/NS/app]")
	missing := n.awaitReason("app", "IdentityRefused")
	n.wantTold(missing.Status.Status, "the rule logs in as ServiceAccount NS/vault-reader, which does not exist; create it")
	n.wantRequests(mark, harness.Counts{})

	n.do("", "create", "serviceaccount", "vault-reader", "-n", n.ns)
	n.do("", "annotate", "externalsecret", "app", "-n", n.ns, "countersign.dev/resync=1")
	n.awaitSynced("app")
	n.wantRequests(mark, harness.Counts{Login: 1, Read: 1})
	for _, request := range n.requests(mark) {
		if request.Kind() == harness.KindRead && request.DisplayName != "kubernetes-"+n.ns+"-vault-reader" {
			t.Errorf("read as %s", request.DisplayName)
		}
	}

	// Another name is not Countersign's to log in as, whatever a rule says.
	mark = n.mark()
	n.apply("unlisted", "backendType: vault\nvaultRole: NS\ndataFrom: [kubernetes/data/unlisted/NS/app]")
	refused := n.awaitReason("unlisted", "IdentityRefused")
	n.wantTold(refused.Status.Status, `Countersign may make no token for ServiceAccount NS/default; add "default" to the chart's tenantServiceAccounts`)
	if !apimeta.IsStatusConditionTrue(refused.Status.Conditions, api.ConditionAllowed) {
		t.Error("policy allows it, but the condition says otherwise")
	}
	n.wantRequests(mark, harness.Counts{})
	for account, want := range map[string]string{"vault-reader": "yes", "default": "no"} {
		// No is exit code 1.
		output := n.kubectl("", "auth", "can-i", "create", "serviceaccounts/"+account, "--subresource=token", "-n", n.ns,
			"--as=system:serviceaccount:countersign-system:countersign")
		if got := strings.TrimSpace(output.Stdout); got != want {
			t.Errorf("may Countersign make a token of %s: %q %s, want %s", account, got, output.Stderr, want)
		}
	}
}

// wantTold compares a status with a text, in which NS stands for the namespace.
func (n *tenant) wantTold(told, want string) {
	n.t.Helper()
	if got := strings.ReplaceAll(told, n.ns, "NS"); !strings.Contains(got, want) {
		n.t.Errorf("status\n%s\nwant\n%s", got, want)
	}
}
