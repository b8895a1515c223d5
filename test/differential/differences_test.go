package differential

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/vaultside"
)

const differencesPolicy = head + `
allow:
- name: own-tree
  namespaces: {names: ["team-*"]}
  paths: ["secret/data/{namespace}/*"]
  roles: [shared]
deny:
- name: no-break-glass
  paths: ["secret/data/+/break-glass/*"]
`

// both is what is compared.
type both struct{ Engine, Vault bool }

// stage has the policy of the test in the engine and its ACL in Vault.
type stage struct {
	t        *testing.T
	compiled *policy.Policy
	role     vaultside.Role
}

func newStage(t *testing.T) *stage {
	t.Helper()
	compiled := compileText(t, differencesPolicy)
	side := build(t, compiled)
	if len(side.Roles) != 1 {
		t.Fatalf("%d roles, want one", len(side.Roles))
	}
	return &stage{t, compiled, side.Roles[0]}
}

// ask puts one path to both, with a token for the ACL policy of that text.
func (s *stage) ask(path, acl string) both {
	s.t.Helper()
	return both{s.engine(path), reads(s.t, tokenFor(s.t, s.role.Policy, acl), path)}
}

func (s *stage) engine(path string) bool {
	return evaluate(s.compiled, namespaces()[0], s.role.Login, []string{path})[0].allowed
}

// Each entry of the list in docs/vault-side.md is a difference indeed: the
// engine says one thing, Vault the other.
func TestListedDifferences(t *testing.T) {
	const glass = "secret/data/team-a/break-glass/db"
	tests := map[string]struct {
		ask  func(s *stage) both
		want both
	}{
		"Case of a deny rule": {func(s *stage) both {
			return s.ask("secret/data/team-a/Break-Glass/db", s.role.ACL())
		}, both{false, true}},
		"A broad deny over a narrower allow": {func(s *stage) both {
			return s.ask(glass, `path "secret/data/team-a/*" { capabilities = ["read"] }
path "secret/data/+/break-glass/*" { capabilities = ["deny"] }`)
		}, both{false, true}},
		"Further ACL policies of a token": {func(s *stage) both {
			if err := shared.Vault.WritePolicy(s.t.Context(), "further", `path "`+glass+`" { capabilities = ["read"] }`); err != nil {
				s.t.Fatal(err)
			}
			return both{s.engine(glass), reads(s.t, tokenFor(s.t, s.role.Policy, s.role.ACL(), "further"), glass)}
		}, both{false, true}},
		"Kubernetes namespaces that share a role": {func(s *stage) both {
			return s.ask("secret/data/team-b/db", s.role.ACL())
		}, both{false, true}},
		"Vault namespaces":                  {askOtherVaultNamespace, both{false, true}},
		"Modes":                             {askInWarnMode, both{true, false}},
		"Paths that are not canonical":      {func(s *stage) both { return s.ask("secret/data/team-a/a%b", s.role.ACL()) }, both{false, true}},
		"Case of a role":                    {askRoleInCapitals, both{false, true}},
		"ServiceAccounts that share a role": {askOtherAccount, both{false, true}},
		"Vault's own default policy":        {askCubbyhole, both{false, true}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.ask(newStage(t))); diff != "" {
				t.Error(diff)
			}
		})
	}
	page, err := os.ReadFile("../../docs/vault-side.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, match := range regexp.MustCompile(`(?m)^- \*\*(.+?)\.\*\*`).FindAllSubmatch(page, -1) {
		listed = append(listed, string(match[1]))
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(tests)), slices.Sorted(slices.Values(listed))); diff != "" {
		t.Errorf("tested, and listed in docs/vault-side.md (-tested +listed):\n%s", diff)
	}
}

// The same, where the Vault side is written so that there is no difference.
func TestMendedDifferences(t *testing.T) {
	s := newStage(t)
	if diff := cmp.Diff(both{false, false}, s.ask("secret/data/team-a/break-glass/db", s.role.ACL())); diff != "" {
		t.Error(diff)
	}
}

// askOtherVaultNamespace: the tuple has the Vault namespace, an ACL does not. A
// Vault without the feature takes the header and passes over it.
func askOtherVaultNamespace(s *stage) both {
	login := s.role.Login
	login.VaultNamespace = "elsewhere"
	const path = "secret/data/team-a/db"
	client, err := shared.Vault.Client.Clone()
	if err != nil {
		s.t.Fatal(err)
	}
	client.SetToken(tokenFor(s.t, s.role.Policy, s.role.ACL()))
	client.SetNamespace(login.VaultNamespace)
	return both{evaluate(s.compiled, namespaces()[0], login, []string{path})[0].allowed, readsWith(s.t, client, path)}
}

// askInWarnMode: what no rule allows passes with a warning, and Vault has not
// been told of it.
func askInWarnMode(s *stage) both {
	document, err := policy.Parse("cm", "policy.yaml", []byte(differencesPolicy))
	if err != nil {
		s.t.Fatal(err)
	}
	s.compiled, err = policy.Compile([]*policy.Document{document}, policy.Settings{
		Enforcement: policy.Enforcement{Default: policy.Warn}, DefaultVault: "default",
		DefaultAuthMounts: map[string]string{"default": authMount},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.ask("secret/data/other/db", s.role.ACL())
}

func askRoleInCapitals(s *stage) both {
	apply(s.t, build(s.t, s.compiled))
	const path = "secret/data/team-a/db"
	login := s.role.Login
	login.Role = "SHARED"
	token := logIn(s.t, authMount, login.Role, account(s.t, "countersign-system", "countersign", "vault"))
	return both{evaluate(s.compiled, namespaces()[0], login, []string{path})[0].allowed, token != "" && reads(s.t, token, path)}
}

// askOtherAccount: Vault binds each ServiceAccount of a role in each of its
// namespaces.
func askOtherAccount(s *stage) both {
	s.compiled = compileText(s.t, head+`
allow:
- {name: a, namespaces: {names: [team-a]}, paths: [secret/data/a], roles: [both], identity: {serviceAccount: one}}
- {name: b, namespaces: {names: [team-b]}, paths: [secret/data/b], roles: [both], identity: {serviceAccount: two}}
`)
	side := build(s.t, s.compiled)
	apply(s.t, side)
	const path = "secret/data/a"
	asked := claim("team-a", side.Roles[0].Login, path)
	asked.ServiceAccount = "two"
	token := logIn(s.t, authMount, "both", account(s.t, "team-a", "two", "vault"))
	return both{s.compiled.Evaluate(asked, nil).Allowed(), token != "" && reads(s.t, token, path)}
}

// askCubbyhole: every login has Vault's policy "default", too.
func askCubbyhole(s *stage) both {
	apply(s.t, build(s.t, s.compiled))
	token := logIn(s.t, authMount, "shared", account(s.t, "countersign-system", "countersign", "vault"))
	return both{s.engine("cubbyhole/x"), reads(s.t, token, "cubbyhole/x")}
}
