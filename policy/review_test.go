package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What lint warns of, with its place.
func TestLintWarnings(t *testing.T) {
	const head = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {secret: {kv: 2}}\nallow:\n"
	tree := "- name: tree\n  namespaces: {names: [\"team-*\"]}\n  roles: [r, s]\n  paths: [\"secret/data/{namespace}/*\"]\n"
	tests := map[string]struct {
		text string
		want string
	}{
		"none": {head + tree, ""},
		"grant by label": {head + "- name: a\n  namespaces: {matchLabels: {tier: web}}\n  roles: [r]\n  paths: [secret/data/x]\n",
			`cm[p.yaml]:6:16: warning: allow[0].namespaces.matchLabels: Invalid value: {"tier":"web"}: whoever may label namespaces grants this; names are safer`},
		"deny by label": {head[:len(head)-1] + " []\ndeny:\n- name: a\n  namespaces: {matchLabels: {tier: web}}\n  paths: [secret/data/x]\n",
			`cm[p.yaml]:7:16: warning: deny[0].namespaces.matchLabels: Invalid value: {"tier":"web"}: whoever may label namespaces lifts this; names are safer`},
		"unknown Vault": {head + "- name: a\n  namespaces: {names: [x]}\n  roles: [r]\n  vaults: [default, eu]\n  paths: [secret/data/x]\n",
			`cm[p.yaml]:8:21: warning: allow[0].vaults[1]: Invalid value: "eu": no Vault of this name is configured; the rule waits for one`},
		"covered by a deny rule": {head + tree + "deny: [{name: all, paths: [\"secret/data/+/*\"]}]\n",
			`cm[p.yaml]:8:11: warning: allow[0].paths[0]: Invalid value: "secret/data/{namespace}/*": it never grants anything: deny rule "cm/all" covers it`},
		"covered by a staged deny rule": {head + tree + "deny: [{name: all, paths: [\"secret/*\"], enforcement: Warn}]\n", ""},
		"deny rule of other namespaces": {head + tree + "deny: [{name: all, namespaces: {names: [x]}, paths: [\"secret/*\"]}]\n", ""},
		"covered by another rule": {head + tree + "- name: more\n  namespaces: {names: [team-a]}\n  roles: [s]\n  paths: [\"secret/data/{namespace}/x/+\", secret/data/y]\n",
			`cm[p.yaml]:12:11: warning: allow[1].paths[0]: Invalid value: "secret/data/{namespace}/x/+": it grants nothing new: rule "cm/tree" covers it`},
		"another role":          {head + tree + "- name: more\n  namespaces: {names: [team-a]}\n  roles: [t]\n  paths: [\"secret/data/{namespace}/x\"]\n", ""},
		"another auth mount":    {head + tree + "- name: more\n  namespaces: {names: [team-a]}\n  roles: [s]\n  authMounts: [eu]\n  paths: [\"secret/data/{namespace}/x\"]\n", ""},
		"another identity":      {head + tree + "- name: more\n  namespaces: {names: [team-a]}\n  roles: [s]\n  identity: {serviceAccount: reader}\n  paths: [\"secret/data/{namespace}/x\"]\n", ""},
		"wider namespaces":      {head + tree + "- name: more\n  namespaces: {names: [\"team*\"]}\n  roles: [s]\n  paths: [\"secret/data/{namespace}/x\"]\n", ""},
		"literal of a variable": {head + tree + "- name: more\n  namespaces: {names: [\"team-a\"]}\n  roles: [s]\n  paths: [\"secret/data/team-a/x\"]\n", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			document, err := Parse("cm", "p.yaml", []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			problems := Lint([]*Document{document}, testSettings())
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, problems.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Errors and warnings come in the order of their places; with an error there
// is no review.
func TestLintOrder(t *testing.T) {
	const text = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow:\n- name: a\n  namespaces: {matchLabels: {a: b}}\n  roles: [r]\n  paths: [nowhere/x]\n- name: a\n  namespaces: {names: [x]}\n  roles: []\n  paths: [secret/data/x]\nmounts: {secret: {kv: 2}}\n"
	document, err := Parse("cm", "p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := `cm[p.yaml]:7:11: allow[0].paths[0]: Invalid value: "nowhere/x": does not start with a declared mount; name it under mounts of this or another document
cm[p.yaml]:8:3: allow[1].name: Duplicate value: "a"
cm[p.yaml]:10:3: allow[1].roles: Required value: name the Vault roles that may be used`
	if diff := cmp.Diff(want, Lint([]*Document{document}, testSettings()).Error()); diff != "" {
		t.Error(diff)
	}
}

// Where two selectors meet, covers is never wrong in the permissive direction.
func TestCovers(t *testing.T) {
	names := func(names ...string) NamespaceSelector { return NamespaceSelector{Names: names} }
	labels := func(labels map[string]string) NamespaceSelector { return NamespaceSelector{MatchLabels: labels} }
	tests := map[string]struct {
		a, b NamespaceSelector
		want bool
	}{
		"all over a name":        {names("*"), names("a"), true},
		"all over labels":        {names("*"), labels(map[string]string{"a": "b"}), true},
		"equal names":            {names("a", "b"), names("b"), true},
		"missing name":           {names("a"), names("a", "b"), false},
		"prefix over a name":     {names("team-*"), names("team-a"), true},
		"prefix over a prefix":   {names("team*"), names("team-*"), true},
		"name over a prefix":     {names("team-a"), names("team-*"), false},
		"narrower prefix":        {names("team-*"), names("team*"), false},
		"fewer labels over more": {labels(map[string]string{"a": "b"}), labels(map[string]string{"a": "b", "c": "d"}), true},
		"more labels over fewer": {labels(map[string]string{"a": "b", "c": "d"}), labels(map[string]string{"a": "b"}), false},
		"labels over names":      {labels(map[string]string{"a": "b"}), names("a"), false},
		"names over labels":      {names("a"), labels(map[string]string{"a": "b"}), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := covers(newNamespaceMatcher(tc.a), newNamespaceMatcher(tc.b)); got != tc.want {
				t.Errorf("covers = %v, want %v", got, tc.want)
			}
		})
	}
}
