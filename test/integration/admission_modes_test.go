package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// putAnywhere writes a secret outside of the tenant's own tree.
func (n *tenant) putAnywhere(path string, data map[string]any) {
	n.t.Helper()
	if err := n.env.Vault.PutKV(n.t.Context(), "kubernetes", path, data); err != nil {
		n.t.Fatal(err)
	}
}

// admissions of the tenant's namespace, by outcome.
func (n *tenant) admissions() map[string]int {
	n.t.Helper()
	counted := map[string]int{}
	for _, match := range regexp.MustCompile(`(?m)^countersign_admissions_total\{namespace="`+n.ns+`",outcome="(\w+)"\} (\d+)$`).FindAllStringSubmatch(n.metrics(), -1) {
		count, err := strconv.Atoi(match[2])
		if err != nil {
			n.t.Fatal(err)
		}
		counted[match[1]] = count
	}
	return counted
}

// Where the default deny is staged, a read that no rule allows is admitted,
// told or not, counted, and synced.
func TestModeOfTheDefaultDeny(t *testing.T) {
	const spec = vaultHead + "dataFrom: [kubernetes/data/elsewhere/NS]"
	tests := map[string]struct{ namespace, told, outcome string }{
		"Warn": {warnNamespace, `Warning: spec.dataFrom[0]: Forbidden: "kubernetes/data/elsewhere/team-warn" with role "` + role +
			`" is not allowed in namespace "team-warn": no rule allows the path; allowed here: `, "warned"},
		"Audit": {auditNamespace, "", "audited"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n := tenantOf(t, metav1.ObjectMeta{Name: tc.namespace})
			n.putAnywhere("elsewhere/"+n.ns, map[string]any{"a": "1"})
			before := n.admissions()
			told := n.kubectl(n.manifest("app", spec), "apply", "-f", "-")
			if told.ExitCode != 0 || !strings.Contains(told.Stderr, tc.told) || tc.told == "" && told.Stderr != "" {
				t.Errorf("kubectl said %q, want %q", told.Stderr, tc.told)
			}
			n.awaitSynced("app")
			if diff := cmp.Diff(map[string]string{"a": "1"}, n.data("app")); diff != "" {
				t.Error(diff)
			}
			if after := n.admissions(); after[tc.outcome] != before[tc.outcome]+1 {
				t.Errorf("admissions %v, then %v", before, after)
			}
			n.do("", "delete", "externalsecret", "app", "-n", n.ns)
		})
	}
	n := newTenant(t)
	n.refused("app", spec)
	if diff := cmp.Diff(map[string]int{"denied": 1}, n.admissions()); diff != "" {
		t.Errorf("Enforce, the default: %s", diff)
	}
}

// No mode lets pass what a staged rollout is not about.
func TestModesSoftenNothingElse(t *testing.T) {
	tests := map[string]struct{ spec, want string }{
		"path that is not canonical": {vaultHead + "dataFrom: ['kubernetes/data/NS/%2e%2e/app']", "not a canonical Vault path"},
		"reserved path":              {vaultHead + "dataFrom: [ns1/sys/health]", `"sys" is reserved by Vault`},
		"deny rule":                  {vaultHead + "dataFrom: [kubernetes/data/NS/break-glass/x]", "ask platform-security"},
		"missing role":               {"backendType: vault\ndataFrom: [kubernetes/data/NS/app]", "spec.vaultRole: Required value"},
		"too many paths":             {vaultHead + "dataFrom: [" + strings.Join(distinctPaths(101), ", ") + "]", "spec: Too many: 101: must have at most 100 items"},
	}
	for _, namespace := range []string{warnNamespace, auditNamespace} {
		for name, tc := range tests {
			t.Run(namespace+" "+name, func(t *testing.T) {
				if told := tenantOf(t, metav1.ObjectMeta{Name: namespace}).refused("bad", tc.spec); !strings.Contains(told, tc.want) {
					t.Errorf("kubectl said %s", told)
				}
			})
		}
	}
}

func distinctPaths(count int) []string {
	paths := make([]string, count)
	for i := range paths {
		paths[i] = "kubernetes/data/NS/" + strconv.Itoa(i)
	}
	return paths
}

// A deny rule can be staged by itself; then it tells what it would deny.
func TestStagedDenyRule(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "old/app", map[string]any{"a": "1"})
	n.put("kubernetes", "watched/app", map[string]any{"a": "1"})
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow: []
deny:
- {name: staged, namespaces: {names: [NS]}, paths: [kubernetes/data/NS/old/*], reason: it moves, enforcement: Warn}
- {name: watched, namespaces: {names: [NS]}, paths: [kubernetes/data/NS/watched/*], enforcement: Audit}`)
	})
	tests := map[string]struct{ path, want string }{
		"warned":  {"old/app", `Warning: spec.dataFrom[0]: Forbidden: "kubernetes/data/NS/old/app" is denied by rule "policy-NS/staged": it moves` + "\n"},
		"audited": {"watched/app", ""},
	}
	for outcome, tc := range tests {
		told := n.kubectl(n.manifest(outcome, vaultHead+"dataFrom: [kubernetes/data/NS/"+tc.path+"]"), "apply", "-f", "-")
		if diff := cmp.Diff(tc.want, strings.ReplaceAll(told.Stderr, n.ns, "NS")); diff != "" {
			t.Errorf("kubectl said (-want +got):\n%s", diff)
		}
		n.awaitSynced(outcome)
	}
	if diff := cmp.Diff(map[string]int{"audited": 1, "warned": 1}, n.admissions()); diff != "" {
		t.Errorf("admissions (-want +got):\n%s", diff)
	}
}

// A namespace that no cache has seen yet is no reason to refuse: not in one
// apply, and not where the one follows the other at once.
func TestNamespaceCreatedAMomentAgo(t *testing.T) {
	n := newTenant(t)
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow: [{name: tier, namespaces: {matchLabels: {tier: NS}}, paths: [kubernetes/data/tier/NS], roles: [`+role+`]}]`)
	})
	spec := vaultHead + "dataFrom: [kubernetes/data/tier/" + n.ns + "]"
	manifests := "apiVersion: v1\nkind: Namespace\nmetadata: {name: fresh-" + n.ns + ", labels: {tier: " + n.ns + "}}\n---\n" +
		(&tenant{t: t, ns: "fresh-" + n.ns}).manifest("app", spec)
	n.do(manifests, "apply", "-f", "-")
	var group errgroup.Group
	for i := range 50 {
		group.Go(func() error {
			fresh := fmt.Sprintf("fresh-%s-%d", n.ns, i)
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fresh, Labels: map[string]string{"tier": n.ns}}}
			object := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: fresh, Name: "app"}, Spec: kesv1.ExternalSecretSpec{
				BackendType: kesv1.BackendVault, VaultRole: role, DataFrom: []string{"kubernetes/data/tier/" + n.ns},
			}}
			if err := n.env.Client.Create(t.Context(), namespace); err != nil {
				return err
			}
			return n.env.Client.Create(t.Context(), object)
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// Countersign's own namespace and that of the control plane are judged like any
// other.
func TestNoNamespaceIsExempt(t *testing.T) {
	for _, namespace := range []string{releaseNamespace, "kube-system"} {
		n := &tenant{world: shared, t: t, ns: namespace}
		if told := n.refused("app", vaultHead+"dataFrom: [kubernetes/data/other/app]"); !strings.Contains(told, "no rule allows this namespace anything") {
			t.Errorf("kubectl said %s", told)
		}
	}
}

// logged is a line that the process writes of an admission that is not simply
// allowed.
type logged struct {
	Msg        string
	Namespace  string
	Name       string
	User       string
	Revision   string
	Violations []string
}

// admissionLog is what the process has logged of the tenant's admissions.
func (n *tenant) admissionLog() []logged {
	n.t.Helper()
	text, err := n.process.Logs()
	if err != nil {
		n.t.Fatal(err)
	}
	var lines []logged
	for line := range strings.Lines(text) {
		var one logged
		if json.Unmarshal([]byte(line), &one) == nil && one.Namespace == n.ns && one.Violations != nil {
			lines = append(lines, one)
		}
	}
	return lines
}

// One line tells each denial: who, what and why.
func TestDenialIsLoggedOnce(t *testing.T) {
	n := newTenant(t)
	user := "alice@" + n.ns
	n.do("", "create", "role", "users", "-n", n.ns, "--verb=*", "--resource=externalsecrets.kubernetes-client.io")
	n.do("", "create", "rolebinding", "users", "-n", n.ns, "--role=users", "--user="+user)
	const spec = vaultHead + "dataFrom: [kubernetes/data/NS/app, kubernetes/data/NS/break-glass/x]"
	if output := n.kubectl(n.manifest("app", spec), "create", "--as="+user, "-f", "-"); output.ExitCode == 0 {
		t.Fatal("admitted")
	}
	want := []logged{{
		Msg: "denied", Namespace: n.ns, Name: "app", User: user, Revision: n.revision(),
		Violations: []string{`spec.dataFrom[1]: Forbidden: "kubernetes/data/` + n.ns + `/break-glass/x" is denied by rule "countersign-policy/no-break-glass": ask platform-security`},
	}}
	harness.Await(t, within, func(context.Context) error {
		if diff := cmp.Diff(want, n.admissionLog()); diff != "" {
			return fmt.Errorf("logged (-want +got):\n%s", diff)
		}
		return nil
	})
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	if diff := cmp.Diff(want, n.admissionLog()); diff != "" {
		t.Errorf("logged, also what is allowed (-want +got):\n%s", diff)
	}
}
