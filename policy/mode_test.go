package policy

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Every combination of the mode of the namespace, an allow rule and a deny
// rule, beside the verdict. The table is the specification.
func TestModes(t *testing.T) {
	const head = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {secret: {kv: 2}}\n"
	var table strings.Builder
	table.WriteString("namespace allow deny    | verdict  warnings audited\n")
	modes := []Mode{Enforce, Warn, Audit}
	for _, mode := range modes {
		for _, allow := range []bool{true, false} {
			for _, deny := range append([]Mode{"none"}, modes...) {
				text := head + "allow: []\n"
				if allow {
					text = head + "allow: [{name: a, namespaces: {names: [x]}, paths: [secret/data/x], roles: [r]}]\n"
				}
				if deny != "none" {
					text += "deny: [{name: d, paths: [secret/data/x], enforcement: " + string(deny) + "}]\n"
				}
				settings := testSettings()
				// The default is the opposite, so that the override is what counts.
				settings.Enforcement = Enforcement{Default: Enforce, Namespaces: map[string]Mode{"x": mode}}
				if mode == Enforce {
					settings.Enforcement.Default = Audit
				}
				verdict := mustCompile(t, settings, text).Evaluate(claim("x", "r", "secret/data/x"), nil)
				word := map[bool]string{true: "allowed", false: "denied"}[verdict.Allowed()]
				fmt.Fprintf(&table, "%-9s %-5t %-7s | %-8s %-8d %d\n", mode, allow, deny, word, len(verdict.Warnings()), len(verdict.inMode(Audit)))
			}
		}
	}
	want, err := os.ReadFile("testdata/modes.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), table.String()); diff != "" {
		t.Errorf("(-want +got)\n%s\n%s", diff, table.String())
	}
}

// The parts of a tuple beside path and role: all of one rule, or nothing.
func TestEvaluateEveryPart(t *testing.T) {
	const text = `
apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}}
allow:
- name: plain
  namespaces: {names: [x]}
  paths: [secret/data/plain]
  roles: [r]
- name: all-parts
  namespaces: {names: [x]}
  paths: [secret/data/full]
  roles: ["{namespace}-reader"]
  authMounts: ["k8s/{namespace}"]
  authMethods: [jwt]
  vaults: [eu]
  vaultNamespaces: [org/x, ""]
  identity: {serviceAccount: reader}
`
	full := func(change func(*Claim)) *Claim {
		c := &Claim{
			Namespace: "x", Vault: "eu", VaultNamespace: "org/x", AuthMount: "k8s/x", AuthMethod: "jwt", Role: "x-reader", ServiceAccount: "reader",
			Reads: []Read{{Path: "secret/data/full", Field: field.NewPath("spec", "key")}},
		}
		change(c)
		return c
	}
	but := func(what string) string {
		return `rule "cm/all-parts" allows the path, but only with ` + what
	}
	tests := map[string]struct {
		claim *Claim
		// want is the grant, or the end of the denial.
		grant Grant
		why   string
	}{
		"defaults of the Vault":      {with(claim("x", "r", "secret/data/plain"), func(c *Claim) { c.VaultNamespace = "admin" }), Grant{Rule: "cm/plain"}, ""},
		"not its Vault namespace":    {claim("x", "r", "secret/data/plain"), Grant{}, `rule "cm/plain" allows the path, but only with Vault namespace "admin", not ""`},
		"an object's own identity":   {with(claim("x", "r", "secret/data/plain"), func(c *Claim) { c.VaultNamespace, c.ServiceAccount = "admin", "mine" }), Grant{}, `rule "cm/plain" allows the path, but only with identity of Countersign itself, not "mine"`},
		"all parts":                  {full(func(*Claim) {}), Grant{"cm/all-parts", "reader"}, ""},
		"identity left to the rule":  {full(func(c *Claim) { c.ServiceAccount = "" }), Grant{"cm/all-parts", "reader"}, ""},
		"root Vault namespace":       {full(func(c *Claim) { c.VaultNamespace = "" }), Grant{"cm/all-parts", "reader"}, ""},
		"another identity":           {full(func(c *Claim) { c.ServiceAccount = "admin" }), Grant{}, but(`identity "reader", not "admin"`)},
		"another role":               {full(func(c *Claim) { c.Role = "y-reader" }), Grant{}, but(`role "x-reader", not "y-reader"`)},
		"another auth mount":         {full(func(c *Claim) { c.AuthMount = "k8s/y" }), Grant{}, but(`auth mount "k8s/x", not "k8s/y"`)},
		"another auth method":        {full(func(c *Claim) { c.AuthMethod = "" }), Grant{}, but(`auth method "jwt", not "kubernetes"`)},
		"another Vault":              {full(func(c *Claim) { c.Vault = "default" }), Grant{}, but(`Vault "eu", not "default"`)},
		"another Vault namespace":    {full(func(c *Claim) { c.VaultNamespace = "org" }), Grant{}, but(`Vault namespace "org/x" or "", not "org"`)},
		"path of one, role of other": {full(func(c *Claim) { c.Reads[0].Path = "secret/data/plain" }), Grant{}, `rule "cm/plain" allows the path, but only with role "r", not "x-reader"`},
	}
	settings := testSettings()
	settings.DefaultAuthMounts["eu"] = "kubernetes"
	settings.VaultNamespaces = map[string]string{"default": "admin"}
	compiled := mustCompile(t, settings, text)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			verdict := compiled.Evaluate(tc.claim, nil)
			if diff := cmp.Diff([]Grant{tc.grant}, verdict.Grants); diff != "" {
				t.Error(diff)
			}
			if tc.why == "" {
				if !verdict.Allowed() {
					t.Errorf("denied: %v", verdict.Denials())
				}
				return
			}
			if verdict.Allowed() || !strings.HasSuffix(verdict.Denials()[0].Error(), tc.why) {
				t.Errorf("denials %v, want ...%s", verdict.Denials(), tc.why)
			}
		})
	}
}

// Explain names each rule of the namespace and each part.
func TestExplain(t *testing.T) {
	compiled := mustCompile(t, testSettings(), testPolicy)
	got := compiled.Explain(claim("team-a", "admin", "secret/data/team-a/Old/x"), 0, nil)
	match := func(part, wants, has string, matches bool) PartExplanation {
		return PartExplanation{Part: part, Matches: matches, Wants: wants, Has: has}
	}
	path := "secret/data/team-a/Old/x"
	want := []Explanation{
		{Rule: "cm/no-break-glass", Deny: true, Mode: Enforce, Parts: []PartExplanation{match("path", "secret/data/+/break-glass/*", path, false)}},
		{Rule: "cm/staged", Deny: true, Mode: Warn, Matches: true, Parts: []PartExplanation{match("path", "secret/data/+/old/*", path, true)}},
		{Rule: "cm/own-tree", Parts: []PartExplanation{
			match("path", "secret/data/team-a/* or secret/data/shared/+/config", path, true),
			match("role", `"team-a-read"`, `"admin"`, false),
			match("auth mount", `"kubernetes"`, `"kubernetes"`, true),
			match("auth method", `"kubernetes"`, `"kubernetes"`, true),
			match("Vault", `"default"`, `"default"`, true),
			match("Vault namespace", `""`, `""`, true),
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
