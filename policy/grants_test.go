package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const grantsPolicy = `
apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}}
allow:
- name: own-tree
  namespaces: {names: ["team-*"]}
  paths: ["secret/data/{namespace}/*", "secret/data/shared/+/config"]
  roles: ["{namespace}-read", reader]
- name: everything
  namespaces: {names: [one]}
  paths: ["secret/data/{namespace}/{namespace}"]
  roles: [reader]
  authMounts: ["k-{namespace}", kubernetes]
  authMethods: [kubernetes, jwt]
  vaults: [default, other]
  vaultNamespaces: ["", a/b]
  identity: {serviceAccount: app}
- name: by-label
  namespaces: {matchLabels: {tier: web}}
  paths: ["secret/data/web"]
  roles: [web]
  vaults: [other]
- name: unknown-vault
  namespaces: {names: [two]}
  paths: ["secret/data/x"]
  roles: [r]
  vaults: [elsewhere]
deny:
- name: written
  paths: ["secret/data/{namespace}/Break-Glass/*"]
- name: labelled
  namespaces: {matchLabels: {tier: web}}
  paths: ["secret/data/+/x"]
- name: staged
  namespaces: {names: [three]}
  paths: ["secret/data/y"]
  enforcement: Warn
`

func grantsSettings() Settings {
	settings := testSettings()
	settings.DefaultAuthMounts = map[string]string{"default": "kubernetes", "other": "k8s"}
	settings.VaultNamespaces = map[string]string{"other": "admin"}
	return settings
}

func TestAllowancesAreARulesAllPartsInOneNamespace(t *testing.T) {
	tests := map[string]struct {
		namespace string
		labels    map[string]string
		want      []Allowance
	}{
		"defaults": {"team-a", nil, []Allowance{{
			Rule: "cm/own-tree", Paths: []string{"secret/data/team-a/*", "secret/data/shared/+/config"},
			Logins:     []Login{{"default", "", "kubernetes", "kubernetes", "team-a-read"}, {"default", "", "kubernetes", "kubernetes", "reader"}},
			Operations: []Operation{OperationRead},
		}}},
		"all combinations": {"one", nil, []Allowance{{
			Rule: "cm/everything", Paths: []string{"secret/data/one/one"}, Identity: Identity{ServiceAccount: "app"},
			Logins: []Login{
				{"default", "", "k-one", "kubernetes", "reader"}, {"default", "", "k-one", "jwt", "reader"},
				{"default", "", "kubernetes", "kubernetes", "reader"}, {"default", "", "kubernetes", "jwt", "reader"},
				{"default", "a/b", "k-one", "kubernetes", "reader"}, {"default", "a/b", "k-one", "jwt", "reader"},
				{"default", "a/b", "kubernetes", "kubernetes", "reader"}, {"default", "a/b", "kubernetes", "jwt", "reader"},
				{"other", "", "k-one", "kubernetes", "reader"}, {"other", "", "k-one", "jwt", "reader"},
				{"other", "", "kubernetes", "kubernetes", "reader"}, {"other", "", "kubernetes", "jwt", "reader"},
				{"other", "a/b", "k-one", "kubernetes", "reader"}, {"other", "a/b", "k-one", "jwt", "reader"},
				{"other", "a/b", "kubernetes", "kubernetes", "reader"}, {"other", "a/b", "kubernetes", "jwt", "reader"},
			},
			Operations: []Operation{OperationRead},
		}}},
		"defaults of another Vault": {"x", map[string]string{"tier": "web"}, []Allowance{{
			Rule: "cm/by-label", Paths: []string{"secret/data/web"}, Logins: []Login{{"other", "admin", "k8s", "kubernetes", "web"}},
			Operations: []Operation{OperationRead},
		}}},
		"a Vault that nobody configured": {"two", nil, []Allowance{{
			Rule: "cm/unknown-vault", Paths: []string{"secret/data/x"}, Logins: []Login{{"elsewhere", "", "", "kubernetes", "r"}},
			Operations: []Operation{OperationRead},
		}}},
		"nothing": {"nobody", nil, nil},
	}
	compiled := mustCompile(t, grantsSettings(), grantsPolicy)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, compiled.Allowances(tc.namespace, tc.labels)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What Allowances says is what Evaluate grants.
func TestEachAllowanceIsGranted(t *testing.T) {
	compiled := mustCompile(t, grantsSettings(), grantsPolicy)
	labels := map[string]string{"tier": "web"}
	for _, namespace := range []string{"team-a", "one", "two", "x"} {
		for _, allowance := range compiled.Allowances(namespace, labels) {
			for _, login := range allowance.Logins {
				claim := &Claim{
					Namespace: namespace, Vault: login.Vault, VaultNamespace: login.VaultNamespace,
					AuthMount: login.AuthMount, AuthMethod: login.AuthMethod, Role: login.Role,
				}
				for _, path := range allowance.Paths {
					claim.Reads = append(claim.Reads, Read{Path: pathOf(path)})
				}
				verdict := compiled.Evaluate(claim, labels)
				for i, grant := range verdict.Grants {
					if want := (Grant{allowance.Rule, allowance.Identity.ServiceAccount}); grant != want {
						t.Errorf("%s, %+v: grant %+v, want %+v", claim.Reads[i].Path, login, grant, want)
					}
				}
			}
		}
	}
}

// pathOf is a path that a pattern matches.
func pathOf(pattern string) string {
	path := []byte(pattern)
	for i, c := range path {
		if c == '*' || c == '+' {
			path[i] = 'z'
		}
	}
	return string(path)
}

func TestProhibitionsAreEnforcedDenyRulesAsWritten(t *testing.T) {
	compiled := mustCompile(t, grantsSettings(), grantsPolicy)
	written := Prohibition{Rule: "cm/written", Paths: []string{"secret/data/three/Break-Glass/*"}}
	labelled := Prohibition{Rule: "cm/labelled", Paths: []string{"secret/data/+/x"}}
	if diff := cmp.Diff([]Prohibition{written}, compiled.Prohibitions("three", nil)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Prohibition{labelled, written}, compiled.Prohibitions("three", map[string]string{"tier": "web"})); diff != "" {
		t.Error(diff)
	}
}

func TestRulesAndTheNamespacesThatTheyName(t *testing.T) {
	compiled := mustCompile(t, grantsSettings(), grantsPolicy)
	want := []string{"cm/by-label", "cm/everything", "cm/own-tree", "cm/unknown-vault", "cm/labelled", "cm/written"}
	if diff := cmp.Diff(want, compiled.Rules()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"one", "three", "two"}, compiled.NamedNamespaces()); diff != "" {
		t.Error(diff)
	}
}
