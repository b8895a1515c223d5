package vaultside

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

const emptyPolicy = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\n"

func testOptions() Options {
	return Options{Vault: "default", ServiceAccount: "countersign", Namespace: "countersign-system", Audience: "vault", TokenTTL: time.Hour}
}

func testNamespaces() []Namespace {
	return []Namespace{{Name: "team-b"}, {Name: "team-a"}, {Name: "pay", Labels: map[string]string{"tier": "payments"}}}
}

func compileText(t *testing.T, text string) *policy.Policy {
	t.Helper()
	document, err := policy.Parse("cm", "policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := policy.Compile([]*policy.Document{document}, policy.Settings{
		DefaultVault:      "default",
		DefaultAuthMounts: map[string]string{"default": "kubernetes", "eu": "kubernetes"},
		VaultNamespaces:   map[string]string{"eu": "admin"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func everyFeature(t *testing.T, namespaces []Namespace, options Options) *Side {
	t.Helper()
	text, err := os.ReadFile("testdata/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	side, err := Build(compileText(t, string(text)), namespaces, options)
	if err != nil {
		t.Fatal(err)
	}
	return side
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// One policy with every feature, in each format. test/differential has Vault
// take the HCL and runs the commands.
func TestFormats(t *testing.T) {
	side := everyFeature(t, testNamespaces(), testOptions())
	commands, err := side.Commands()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "side.hcl.golden", side.HCL())
	golden(t, "side.sh.golden", commands)
	golden(t, "side.tf.golden", side.Terraform())
	golden(t, "side.notes.golden", strings.Join(side.Notes, "\n")+"\n")
}

func TestOtherVaultsAndOptions(t *testing.T) {
	options := Options{Vault: "eu", ServiceAccount: "cs", Namespace: "system", Audience: "vault-eu", TokenTTL: 90 * time.Second}
	want := []Role{{
		Login:  policy.Login{Vault: "eu", VaultNamespace: "admin", AuthMount: "kubernetes", AuthMethod: "kubernetes", Role: "reader"},
		Policy: "countersign-reader", Paths: []Path{{Pattern: "legacy/elsewhere", Read: true}},
		ServiceAccounts: []string{"cs"}, Namespaces: []string{"system"}, Audience: "vault-eu", TokenTTL: 90 * time.Second,
	}}
	if diff := cmp.Diff(want, everyFeature(t, testNamespaces(), options).Roles); diff != "" {
		t.Error(diff)
	}
}

// The order in which namespaces are given, and giving one twice, changes
// nothing.
func TestBuildIsDeterministic(t *testing.T) {
	want := everyFeature(t, testNamespaces(), testOptions())
	again := slices.Concat(testNamespaces(), testNamespaces())
	slices.Reverse(again)
	if diff := cmp.Diff(want, everyFeature(t, again, testOptions())); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutNamespacesNothingIsGranted(t *testing.T) {
	side := everyFeature(t, nil, testOptions())
	if len(side.Roles) != 0 || len(side.Notes) != 14 {
		t.Errorf("roles %v, notes %q", side.Roles, side.Notes)
	}
}

// Names of namespaces are also those of labels, as the apiserver has it.
func TestNamespacesHaveTheirNameAsALabel(t *testing.T) {
	compiled := compileText(t, `
apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}}
allow: [{name: a, namespaces: {matchLabels: {kubernetes.io/metadata.name: one}}, paths: [secret/data/x], roles: [r]}]
`)
	side, err := Build(compiled, []Namespace{{Name: "one"}}, testOptions())
	if err != nil || len(side.Roles) != 1 {
		t.Errorf("roles %v, error %v", side.Roles, err)
	}
}

func TestNamesThatNoNamespaceHas(t *testing.T) {
	for _, name := range []string{"", "+", "*", "team-*", "a/b", "..", "Team"} {
		if _, err := Build(compileText(t, emptyPolicy), []Namespace{{Name: name}}, testOptions()); err == nil {
			t.Errorf("%q is taken for a namespace", name)
		}
	}
}

// Deny rules that differ for each namespace of one role and cross each other
// would take for ever.
func TestTooManyCrossingDenyRules(t *testing.T) {
	var text strings.Builder
	text.WriteString("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {m: {}}\n" +
		"allow: [{name: a, namespaces: {names: [\"*\"]}, paths: [\"m/*\"], roles: [r]}]\ndeny:\n")
	var namespaces []Namespace
	for depth := range 5 {
		for letter := 'a'; letter <= 'z'; letter++ {
			name := string(letter) + "-" + strings.Repeat("x", depth+1)
			pattern := "m/" + strings.Repeat("+/", depth) + string(letter) + "/*"
			text.WriteString("- {name: " + name + ", namespaces: {names: [" + name + "]}, paths: [\"" + pattern + "\"]}\n")
			namespaces = append(namespaces, Namespace{Name: name})
		}
	}
	_, err := Build(compileText(t, text.String()), namespaces, testOptions())
	const want = `role "r" of auth mount "kubernetes": its deny rules cross each other in too many ways; give namespaces with deny rules of their own a role of their own`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
