package integration

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// command runs bin/countersign against the cluster, as whoever administers it
// would. NS stands for the tenant's namespace, in what comes back too.
func (n *tenant) command(stdin string, args ...string) (stdout, stderr string, code int) {
	n.t.Helper()
	return n.commandAs(n.env.Kubeconfig, stdin, args...)
}

func (n *tenant) commandAs(kubeconfig, stdin string, args ...string) (stdout, stderr string, code int) {
	n.t.Helper()
	return n.commandOffline(stdin, append(args, "--kubeconfig", kubeconfig)...)
}

// commandOffline is given no cluster.
func (n *tenant) commandOffline(stdin string, args ...string) (stdout, stderr string, code int) {
	n.t.Helper()
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "NS", n.ns)
	}
	output, err := n.env.Countersign(n.t.Context(), stdin, args...)
	if err != nil {
		n.t.Fatal(err)
	}
	plain := func(text string) string { return strings.ReplaceAll(text, n.ns, "NS") }
	return plain(output.Stdout), plain(output.Stderr), output.ExitCode
}

// file writes a policy document to a file of the test.
func (n *tenant) file(name, text string) string {
	n.t.Helper()
	path := filepath.Join(n.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "NS", n.ns)), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return path
}

// applyTolerated applies what a rule of its own allows, and takes the rule away.
func (n *tenant) applyTolerated(name, path string) {
	n.t.Helper()
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow: [{name: tolerated, namespaces: {names: [NS]}, paths: [`+path+`], roles: [`+role+`]}]`)
	})
	n.apply(name, vaultHead+"dataFrom: ["+path+"]")
	n.changePolicy(func() { n.writePolicy("policy-"+n.ns, policyHead+"allow: []") })
}

// verdicts are the outcomes of the objects by name.
func verdicts(t *testing.T, report string) map[string]string {
	t.Helper()
	var audited struct {
		Objects []struct{ Namespace, Name, Outcome string }
	}
	if err := json.Unmarshal([]byte(report), &audited); err != nil {
		t.Fatalf("%v: %s", err, report)
	}
	outcomes := map[string]string{}
	for _, object := range audited.Objects {
		if object.Namespace == "NS" {
			outcomes[object.Name] = object.Outcome
		}
	}
	return outcomes
}

// Audit judges what stands in the cluster as the webhook would judge it new,
// and asks Vault nothing.
func TestAuditOfTheCluster(t *testing.T) {
	n := newTenant(t)
	n.put("kubernetes", "app", map[string]any{"a": "1"})
	n.apply("good", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.apply("cloud", "backendType: secretsManager\ndata: [{key: k, name: a}]")
	n.applyTolerated("tolerated", "kubernetes/data/shared/NS")
	n.awaitSynced("good")
	mark := n.mark()

	stdout, stderr, code := n.command("", "audit", "-n", "NS")
	lines := strings.Split(stdout, "\n")
	if code != 1 || stderr != "" || len(lines) != 5 {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	for i, want := range []string{"VERDICT", "denied", "allowed", "1 denied, 0 warned, 0 audited, 1 allowed (policy " + n.revision() + ")"} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is %q, want %q first", i, lines[i], want)
		}
	}
	if !strings.Contains(lines[1], "tolerated") || !strings.Contains(lines[1], "no rule allows the path") || !strings.HasSuffix(lines[2], "countersign-policy/own-tree") {
		t.Error(stdout)
	}

	want := map[string]string{"tolerated": "denied", "good": "allowed"}
	for _, args := range [][]string{{"audit", "-o", "json"}, {"audit", "-n", "NS", "-o", "json"}} {
		stdout, _, _ = n.command("", args...)
		if diff := cmp.Diff(want, verdicts(t, stdout)); diff != "" {
			t.Errorf("%v: %s", args, diff)
		}
	}
	stdout, _, _ = n.command("", "audit", "-n", "NS", "-o", "junit")
	var report struct {
		Failures int `xml:"failures,attr"`
	}
	if err := xml.Unmarshal([]byte(stdout), &report); err != nil || report.Failures != 1 {
		t.Errorf("%d failures, error %v: %s", report.Failures, err, stdout)
	}
	if seen := n.requests(mark); len(seen) != 0 {
		t.Errorf("Vault saw %v", seen)
	}
}

// Explain and the webhook say the same, with the labels that the namespace has
// in the cluster and the settings of the release.
func TestExplainByTheCluster(t *testing.T) {
	n := newTenant(t)
	n.changePolicy(func() {
		n.writePolicy("policy-"+n.ns, policyHead+`
allow: [{name: tier, namespaces: {matchLabels: {tier: NS}}, paths: [kubernetes/data/tier/NS], roles: [`+role+`]}]`)
	})
	explain := []string{"policy", "explain", "--live", "-n", "NS", "--path", "kubernetes/data/tier/NS", "--role", role}
	stdout, stderr, code := n.command("", explain...)
	if code != 1 || strings.Contains(stdout, "policy-NS/tier") {
		t.Errorf("without the label: exit %d: %s%s", code, stdout, stderr)
	}
	n.do("", "label", "namespace", n.ns, "tier="+n.ns)
	stdout, stderr, code = n.command("", explain...)
	if code != 0 || !strings.Contains(stdout, `is allowed by rule "policy-NS/tier"`) {
		t.Errorf("with the label: exit %d: %s%s", code, stdout, stderr)
	}

	spec := vaultHead + "dataFrom: [kubernetes/data/other/app]"
	stdout, stderr, code = n.command(n.manifest("app", spec), "policy", "explain", "--live", "-f", "-")
	told := n.refused("app", spec)
	_, denial, _ := strings.Cut(stdout, "verdict: denied")
	_, denial, _ = strings.Cut(denial, "\n  ")
	if code != 1 || denial == "" || !strings.Contains(told, strings.TrimSpace(denial)) {
		t.Errorf("exit %d: explain says %s%s, kubectl %s", code, stdout, stderr, told)
	}
}

// Diff says whom in the cluster a new policy concerns, before it is applied.
func TestDiffOverTheCluster(t *testing.T) {
	n := newTenant(t)
	n.apply("app", vaultHead+"dataFrom: [kubernetes/data/NS/app]")
	n.applyTolerated("tolerated", "kubernetes/data/shared/NS")
	mounts := policyHead + "mounts: {kubernetes: {kv: 2}, legacy: {kv: 1}}\n"
	next := n.file("next.yaml", mounts+"allow: [{name: shared, namespaces: {names: [NS]}, paths: [kubernetes/data/shared/NS], roles: ["+role+"]}]\n")
	old := n.file("old.yaml", mounts+"allow: [{name: own, namespaces: {names: [NS]}, paths: [kubernetes/data/NS/*], roles: ["+role+"]}]\n")
	for name, args := range map[string][]string{"against the cluster's": {next}, "of two files": {old, next}} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := n.command("", append([]string{"policy", "diff", "--live"}, args...)...)
			if code != 1 || !strings.Contains(stdout, "newly denied: ExternalSecret NS/app\n") || !strings.Contains(stdout, "newly allowed: ExternalSecret NS/tolerated\n") {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
		})
	}
	if stdout, stderr, code := n.command("", "policy", "diff", "--live", next, next); code != 0 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// A cluster that cannot be judged is unusable input, with what to do.
func TestCommandsWithoutARelease(t *testing.T) {
	n := newTenant(t)
	settings := n.file("settings.yaml", "apiVersion: countersign.dev/v1alpha1\nkind: Settings\nvaults: {default: {address: 'https://vault.invalid'}}\n")
	type unusable struct {
		args []string
		want string
	}
	tests := map[string]unusable{
		"no settings":    {[]string{"audit", "--release-namespace", "NS"}, "no ConfigMap in namespace NS has a settings.yaml; give the settings with --settings"},
		"no policy":      {[]string{"audit", "--release-namespace", "NS", "--settings", settings}, "no ConfigMap in namespace NS has the label countersign.dev/policy=true; name the namespace of the release with --release-namespace"},
		"no namespace":   {[]string{"policy", "explain", "--live", "-n", "NS-gone", "--path", "a/b"}, `namespaces "NS-gone" not found`},
		"no such object": {[]string{"audit", "-n", "NS-gone"}, `namespaces "NS-gone" not found`},
	}
	// A second namespace has what is wrong in another way.
	broken := newTenant(t)
	broken.do("", "create", "configmap", "one", "-n", broken.ns, "--from-literal=settings.yaml=a", "--from-literal=policy.yaml=allow: {}")
	broken.do("", "create", "configmap", "two", "-n", broken.ns, "--from-literal=settings.yaml=b")
	broken.do("", "label", "configmap", "one", "-n", broken.ns, "countersign.dev/policy=true")
	tests["two settings"] = unusable{[]string{"audit", "--release-namespace", broken.ns}, "ConfigMaps one and two in namespace " + broken.ns + " both have a settings.yaml; give the settings with --settings"}
	tests["policy that does not parse"] = unusable{[]string{"audit", "--release-namespace", broken.ns, "--settings", settings}, "one[policy.yaml]:1:1: allow: a object stands where a list belongs\none[settings.yaml]:1:1: : a string stands where an object belongs"}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := n.command("", tc.args...)
			if diff := cmp.Diff("countersign: "+tc.want+"\n", stderr); diff != "" || code != 2 || stdout != "" {
				t.Errorf("exit %d: %s%s", code, stdout, diff)
			}
		})
	}
}
