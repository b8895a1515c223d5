package main

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What cannot be used is told on stderr, with the place, and exits with 2.
func TestCommandsTellUnusableInput(t *testing.T) {
	suite := func(fields string) string {
		return "apiVersion: countersign.dev/v1alpha1\nkind: PolicyTest\npolicies: [policy.yaml]\ncases:\n- name: a\n  want: deny\n" + fields
	}
	manifest := func(text string) string {
		return "apiVersion: kubernetes-client.io/v1\nkind: ExternalSecret\nmetadata: {name: a, namespace: team-a}\n" + text
	}
	tests := map[string]struct {
		// text is the file in.yaml.
		text, args, want string
	}{
		"suite that is not there":     {"", "policy test none.yaml", "stat none.yaml: no such file or directory"},
		"file without a suite":        {"", "policy test policy.yaml", "policy.yaml: no PolicyTest in it"},
		"suite with a mistake":        {suite("  object: o\n  wants: x\n"), "policy test in.yaml", `in.yaml:8:3: unknown field "cases[0].wants"`},
		"suite without a case":        {"apiVersion: countersign.dev/v1alpha1\nkind: PolicyTest\npolicies: [policy.yaml]\ncases: []\n", "policy test in.yaml", "in.yaml:4:1: cases: Required value: a suite without a case tests nothing"},
		"second suite of a file":      {suite("  object: objects.yaml\n") + "---\n" + suite("  object: o\n  want: x\n"), "policy test in.yaml", `in.yaml:16:3: key "cases.0.want" is there already`},
		"suite that is not YAML":      {"a: [\n", "policy test in.yaml", "in.yaml:1:1: did not find expected node content"},
		"policy that is not there":    {strings.Replace(suite("  object: objects.yaml\n"), "policy.yaml", "none/*.yaml", 1), "policy test in.yaml", "in.yaml:3:12: none/*.yaml: finds neither an AccessPolicy nor a ConfigMap with one"},
		"policy with a mistake":       {strings.ReplaceAll(fixtures(t)["policy.yaml"], "roles:", "role:") + "---\n" + strings.Replace(suite("  object: objects.yaml\n"), "policy.yaml", "in.yaml", 1), "policy test in.yaml", "in.yaml:8:3: unknown field \"allow[0].role\"\nin.yaml:12:3: unknown field \"allow[1].role\"\nin.yaml:16:3: unknown field \"allow[2].role\""},
		"policy that does not agree":  {strings.Replace(suite("  object: objects.yaml\n"), "[policy.yaml]", "[policy.yaml, policy.yaml]", 1), "policy test in.yaml", "policy.yaml:5:3: allow[0].name: Duplicate value: \"own-tree\"\npolicy.yaml:9:3: allow[1].name: Duplicate value: \"web\"\npolicy.yaml:13:3: allow[2].name: Duplicate value: \"eu\"\npolicy.yaml:20:3: deny[0].name: Duplicate value: \"no-break-glass\"\npolicy.yaml:23:3: deny[1].name: Duplicate value: \"old-tree\"\npolicy.yaml:26:3: deny[2].name: Duplicate value: \"watched\""},
		"object that is not there":    {suite("  object: none.yaml\n"), "policy test in.yaml", "in.yaml:7:3: stat none.yaml: no such file or directory"},
		"object of another kind":      {suite("  object: policy.yaml\n"), "policy test in.yaml", "in.yaml:7:3: policy.yaml: no ExternalSecret in it"},
		"manifest of another kind":    {suite("  manifest: {apiVersion: v1, kind: Secret}\n"), "policy test in.yaml", "in.yaml:7:30: no ExternalSecret in it"},
		"manifest with a mistake":     {suite("  namespace: x\n  manifest:\n    apiVersion: kubernetes-client.io/v1\n    kind: ExternalSecret\n    metadata: {name: a}\n    spec: {backendType: vault, dataFron: [a]}\n"), "policy test in.yaml", `in.yaml:12:32: unknown field "spec.dataFron"`},
		"manifest of no namespace":    {suite("  manifest: {apiVersion: kubernetes-client.io/v1, kind: ExternalSecret, metadata: {name: a}, spec: {backendType: vault}}\n"), "policy test in.yaml", "in.yaml:7:73: metadata.namespace: name the namespace there, or for all such objects with --namespace"},
		"test output":                 {"", "policy test suite.yaml -o yaml", `--output "yaml": want text, json, junit`},
		"test settings":               {"", "policy test suite.yaml --settings none.yaml", "settings: open none.yaml: no such file or directory"},
		"test without a file":         {"", "policy test", "requires at least 1 arg(s), only received 0"},
		"explain nothing":             {"", "policy explain --policy policy.yaml", "at least one of the flags in the group [filename path] is required"},
		"explain by no policy":        {"", "policy explain -n x --path a/b", "at least one of the flags in the group [policy live] is required"},
		"explain by two":              {"", "policy explain --policy policy.yaml --live -n x --path a/b", "if any flags in the group [policy live] are set none of the others can be; [live policy] were all set"},
		"explain both":                {"", "policy explain --policy policy.yaml -n x --path a/b -f objects.yaml", "if any flags in the group [filename path] are set none of the others can be; [filename path] were all set"},
		"explain a file with a role":  {"", "policy explain --policy policy.yaml -f objects.yaml --role x", "if any flags in the group [filename role] are set none of the others can be; [filename role] were all set"},
		"explain to nobody":           {"", "policy explain --policy policy.yaml --path a/b", "--namespace: name the namespace of the request"},
		"explain a missing file":      {"", "policy explain --policy policy.yaml -f none.yaml", "stat none.yaml: no such file or directory"},
		"explain by a missing policy": {"", "policy explain --policy none.yaml -f objects.yaml", "stat none.yaml: no such file or directory"},
		"explain by a bad policy":     {"apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: [{name: a}]\n", "policy explain --policy in.yaml -f objects.yaml", "in.yaml:3:9: allow[0].namespaces: Required value: give names or matchLabels; names: [\"*\"] is every namespace\nin.yaml:3:9: allow[0].paths: Required value: name the paths\nin.yaml:3:9: allow[0].roles: Required value: name the Vault roles that may be used"},
		"explain a cluster offline":   {"", "policy explain --policy policy.yaml --kubeconfig k -n x --path a/b", "if any flags in the group [policy kubeconfig] are set none of the others can be; [kubeconfig policy] were all set"},
		"explain an argument":         {"", "policy explain x --policy policy.yaml -n x --path a/b", `unknown command "x" for "countersign policy explain"`},
		"diff one file":               {"", "policy diff policy.yaml --objects objects.yaml", "name the old policy and the new one; with --live the old one may be left out"},
		"diff for nobody":             {"", "policy diff policy.yaml next.yaml", "at least one of the flags in the group [objects live] is required"},
		"diff missing old":            {"", "policy diff none.yaml next.yaml --objects objects.yaml", "stat none.yaml: no such file or directory"},
		"diff missing new":            {"", "policy diff policy.yaml none.yaml --objects objects.yaml", "stat none.yaml: no such file or directory"},
		"diff output":                 {"", "policy diff policy.yaml next.yaml --objects objects.yaml -o junit", `--output "junit": want text, json`},
		"diff object with a mistake":  {manifest("spek: {}\n"), "policy diff policy.yaml next.yaml --objects in.yaml", `in.yaml:4:1: unknown field "spek"`},
		"audit half offline":          {"", "audit --objects objects.yaml", "if any flags in the group [policy objects] are set they must all be set; missing [policy]"},
		"audit the other half":        {"", "audit --policy policy.yaml", "if any flags in the group [policy objects] are set they must all be set; missing [objects]"},
		"audit object with a mistake": {manifest("spec: {backendType: vault, data: {a: b}}\n"), "audit --policy policy.yaml --objects in.yaml", "in.yaml:4:28: spec.data: a object stands where a list belongs"},
		"audit of stores, no Vault":   {fixtures(t)["eso.yaml"], "audit --policy eso-policy.yaml --objects in.yaml", "the stores of External Secrets Operator name servers: say which Vaults there are with --settings"},
		"audit of stores, no CA":      {strings.Replace(fixtures(t)["eso-settings.yaml"], `8200"`, `8200", caFile: none.pem`, 1), "audit --policy eso-policy.yaml --objects eso.yaml --settings in.yaml", `vault "default": CA: open none.pem: no such file or directory`},
		"object without its store":    {suite("  object: eso.yaml\n"), "policy test in.yaml --settings eso-settings.yaml", "in.yaml:5:3: SecretStore team-a/elsewhere is not there; what is asked by way of it is not judged"},
		"audit of no cluster":         {"", "audit --kubeconfig none", "kubeconfig: stat none: no such file or directory"},
		"audit of a context":          {"apiVersion: v1\nkind: Config\n", "audit --kubeconfig in.yaml --context staging", `kubeconfig: context "staging" does not exist`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			files := fixtures(t)
			files["in.yaml"] = tc.text
			want := result{Code: exitUnusable, Stderr: "countersign: " + tc.want + "\n"}
			if diff := cmp.Diff(want, execute(t, files, "", strings.Fields(tc.args)...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The shell is offered what a flag takes, and files where it takes files.
func TestCompletion(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"output of lint":     {[]string{"policy", "lint", "-o", ""}, "text\njson\n:4\n"},
		"output of test":     {[]string{"policy", "test", "--output", ""}, "text\njson\njunit\n:4\n"},
		"output of audit":    {[]string{"audit", "-o", ""}, "text\njson\njunit\n:4\n"},
		"output of explain":  {[]string{"policy", "explain", "-o", ""}, "text\njson\n:4\n"},
		"files of test":      {[]string{"policy", "test", ""}, ":0\n"},
		"files of diff":      {[]string{"policy", "diff", "--live", ""}, ":0\n"},
		"file of a policy":   {[]string{"audit", "--policy", ""}, ":0\n"},
		"no file for a name": {[]string{"audit", "-n", ""}, ":4\n"},
		"no file for a role": {[]string{"policy", "explain", "--role", ""}, ":4\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := execute(t, nil, "", append([]string{"__complete"}, tc.args...)...)
			if diff := cmp.Diff(tc.want, got.Stdout); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := execute(t, nil, "", "completion", shell); got.Code != exitGood || !strings.Contains(got.Stdout, "countersign") {
			t.Errorf("completion for %s: %+v", shell, got)
		}
	}
}

// A report is well-formed whatever the names hold, and its counts are those of
// its cases.
func TestJUnitIsWellFormed(t *testing.T) {
	suite := `apiVersion: countersign.dev/v1alpha1
kind: PolicyTest
policies: [policy.yaml]
cases:
- {name: "]]> & \"\u0001\n", namespace: team-a, request: {path: "secret/data/<x>&", role: "\u0000"}, want: allow}
- {name: "</testcase>", namespace: team-a, request: {path: secret/data/team-a/x, role: reader}, want: allow}
`
	files := fixtures(t)
	files["in.yaml"] = suite
	got := execute(t, files, "", "policy", "test", "in.yaml", "failing.yaml", "-o", "junit")
	var report junitReport
	if err := xml.Unmarshal([]byte(got.Stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, got.Stdout)
	}
	tests, failures := 0, 0
	for _, suite := range report.Suites {
		tests, failures = tests+len(suite.Cases), failures+suite.Failures
		failed := 0
		for _, one := range suite.Cases {
			if one.Failure != nil {
				failed++
			}
		}
		if suite.Tests != len(suite.Cases) || suite.Failures != failed {
			t.Errorf("%s says %d tests, %d failures; it has %d and %d", suite.Name, suite.Tests, suite.Failures, len(suite.Cases), failed)
		}
	}
	if report.Tests != tests || report.Failures != failures || tests != 5 || failures != 3 || got.Code != exitFound {
		t.Errorf("%d tests, %d failures, exit %d: %s", report.Tests, report.Failures, got.Code, got.Stdout)
	}
}
