package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const vaultPolicy = `apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}}
allow:
- name: own-tree
  namespaces: {names: ["team-*"]}
  paths: ["secret/data/{namespace}/*"]
  roles: [reader]
- name: by-label
  namespaces: {matchLabels: {tier: web}}
  paths: ["secret/data/web"]
  roles: [reader]
- name: in-full
  namespaces: {names: [shop]}
  paths: ["secret/data/shop"]
  roles: [reader]
- name: elsewhere
  namespaces: {names: [shop]}
  paths: ["secret/data/eu"]
  roles: [reader]
  vaults: [eu]
deny:
- name: no-break-glass
  paths: ["secret/data/+/break-glass/*"]
`

const vaultSettings = `apiVersion: countersign.dev/v1alpha1
kind: Settings
vaults:
  default: {address: "https://vault.example:8200"}
  eu: {address: "https://vault.example:8201", authMount: k8s-eu, namespace: org, audience: vault-eu}
`

const vaultNamespaces = `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: team-a}}
- {apiVersion: v1, kind: Namespace, metadata: {name: blog, labels: {tier: web}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
`

// readable are the paths that an output grants, and denied those with "-".
func readable(output string) string {
	var paths []string
	lines := strings.Split(output, "\n")
	for i, line := range lines {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), `path "`); ok {
			path = strings.TrimSuffix(path, `" {`)
			if strings.Contains(lines[i+1], "deny") {
				path = "-" + path
			}
			paths = append(paths, path)
		}
	}
	return strings.Join(paths, " ")
}

func TestVaultIsWrittenForTheGivenNamespaces(t *testing.T) {
	const otherVault = "note: rules speak of Vault \"eu\" too: run again with --vault\n"
	idle := func(rules ...string) string {
		var notes strings.Builder
		for _, rule := range rules {
			notes.WriteString("note: rule \"p/" + rule + "\" selects none of the given namespaces\n")
		}
		return notes.String()
	}
	tests := map[string]struct {
		args  []string
		paths string
		notes string
	}{
		"by name":                 {[]string{"-n", "team-a", "--namespace", "team-b"}, "secret/data/team-a/* -secret/data/team-a/break-glass/* secret/data/team-b/* -secret/data/team-b/break-glass/*", idle("by-label", "elsewhere", "in-full")},
		"of a file":               {[]string{"--namespaces-file", "n.yaml"}, "secret/data/team-a/* -secret/data/team-a/break-glass/* secret/data/web", idle("elsewhere", "in-full")},
		"none, so those in full":  {nil, "secret/data/shop", idle("by-label", "own-tree") + otherVault},
		"another Vault":           {[]string{"--vault", "eu", "--settings", "s.yaml"}, "secret/data/eu", idle("by-label", "own-tree") + "note: rules speak of Vault \"default\" too: run again with --vault\n"},
		"a namespace of no rules": {[]string{"-n", "nobody"}, "", idle("by-label", "elsewhere", "in-full", "own-tree")},
	}
	files := map[string]string{"p.yaml": vaultPolicy, "s.yaml": vaultSettings, "n.yaml": vaultNamespaces}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, format := range []string{outputHCL, outputCommands, outputTerraform} {
				got := execute(t, files, "", append([]string{"policy", "vault", "--policy", "p.yaml", "-o", format}, tc.args...)...)
				if diff := cmp.Diff(result{0, tc.paths, tc.notes}, result{got.Code, readable(got.Stdout), got.Stderr}); diff != "" {
					t.Errorf("%s: %s", format, diff)
				}
			}
		})
	}
}

func TestVaultBindsWhoLogsIn(t *testing.T) {
	tests := map[string]struct{ args, want []string }{
		"defaults":        {nil, []string{`["countersign"]`, `["countersign-system"]`, `"vault"`, `["countersign-reader"]`, "3600"}},
		"as it is called": {[]string{"--service-account", "cs", "--release-namespace", "sys", "--audience", "v", "--token-ttl", "15m"}, []string{`["cs"]`, `["sys"]`, `"v"`, `["countersign-reader"]`, "900"}},
		"of settings":     {[]string{"--settings", "s.yaml", "--vault", "eu"}, []string{`["countersign"]`, `["countersign-system"]`, `"vault-eu"`, `["countersign-reader_at_k8s-eu"]`, "3600"}},
	}
	files := map[string]string{"p.yaml": vaultPolicy, "s.yaml": vaultSettings}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := execute(t, files, "", append([]string{"policy", "vault", "--policy", "p.yaml", "-n", "shop"}, tc.args...)...)
			var values []string
			for line := range strings.Lines(got.Stdout) {
				if _, value, found := strings.Cut(line, " = "); found && strings.HasPrefix(line, "# ") {
					values = append(values, strings.TrimSpace(value))
				}
			}
			if diff := cmp.Diff(tc.want, values); diff != "" || got.Code != 0 {
				t.Errorf("exit code %d, %s", got.Code, diff)
			}
		})
	}
}

func TestVaultInputThatCannotBeUsed(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"no policy":             {nil, "at least one of the flags in the group [policy live] is required"},
		"no such policy":        {[]string{"--policy", "x.yaml"}, "stat x.yaml: no such file or directory"},
		"mistake in the policy": {[]string{"--policy", "bad.yaml"}, `bad.yaml:12:1: unknown field "denies"`},
		"no namespace in it":    {[]string{"--policy", "p.yaml", "--namespaces-file", "p.yaml"}, "p.yaml: no Namespace in it"},
		"names and a file":      {[]string{"--policy", "p.yaml", "-n", "a", "--namespaces-file", "n.yaml"}, "if any flags in the group [namespace namespaces-file live] are set none of the others can be; [namespace namespaces-file] were all set"},
		"names and a cluster":   {[]string{"--policy", "p.yaml", "-n", "a", "--kubeconfig", "k"}, "if any flags in the group [namespace kubeconfig] are set none of the others can be; [kubeconfig namespace] were all set"},
		"a pattern of names":    {[]string{"--policy", "p.yaml", "-n", "team-*"}, `namespace "team-*": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		"no such Vault":         {[]string{"--policy", "p.yaml", "--vault", "eu"}, `--vault "eu": the settings have no such Vault; give those that have it with --settings`},
		"no life":               {[]string{"--policy", "p.yaml", "--token-ttl", "0s"}, "--token-ttl: give a second or more"},
		"another output":        {[]string{"--policy", "p.yaml", "-o", "json"}, `--output "json": want hcl, commands, terraform`},
		"broken settings":       {[]string{"--policy", "p.yaml", "--settings", "bad.yaml"}, `settings bad.yaml: unknown field "allow"`},
	}
	bad := strings.ReplaceAll(lintedPolicy, "allow:", "\n\n\nallow:") + "denies: []\n"
	files := map[string]string{"p.yaml": vaultPolicy, "n.yaml": vaultNamespaces, "bad.yaml": bad}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := execute(t, files, "", append([]string{"policy", "vault"}, tc.args...)...)
			first, _, _ := strings.Cut(got.Stderr, "\n")
			if diff := cmp.Diff(result{2, "", "countersign: " + tc.want}, result{got.Code, got.Stdout, first}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
