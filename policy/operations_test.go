package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const operationsPolicy = `
apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}, legacy: {kv: 1}}
allow:
- {name: tree, namespaces: {names: [team-a]}, paths: ["secret/data/team-a/*"], roles: [reader]}
- {name: write, namespaces: {names: [team-a]}, paths: ["secret/data/team-a/out/*", "secret/metadata/team-a/out/*"], roles: [writer], operations: [read, write]}
- {name: drop, namespaces: {names: [team-a]}, paths: ["secret/data/drop/+"], roles: [writer], operations: [write]}
- {name: all, namespaces: {names: [root]}, paths: ["legacy/*"], roles: [reader]}
- {name: guarded, namespaces: {names: [team-b]}, paths: ["secret/data/team-b/*"], roles: [reader]}
- {name: theirs, namespaces: {names: [team-c]}, paths: ["secret/data/team-c/*"], roles: [reader], identity: {namespace: vault-logins, serviceAccount: c}}
- {name: mine, namespaces: {names: [team-d]}, paths: ["secret/data/team-d/*"], roles: [reader], identity: {serviceAccount: d}}
deny:
- {name: no-keys, paths: ["secret/data/+/keys/*"], reason: ask platform-security}
- {name: staged, namespaces: {names: [team-a]}, paths: ["secret/data/+/out/old"], enforcement: Warn}
- {name: watched, namespaces: {names: [root]}, paths: ["legacy/x"], enforcement: Audit}
`

// The messages are golden, as in TestEvaluate.
func TestOperationsAndSubtrees(t *testing.T) {
	asks := func(operation Operation, subtree bool) func(*Claim) {
		return func(c *Claim) { c.Reads[0].Operation, c.Reads[0].Subtree = operation, subtree }
	}
	below, write, writeBelow := asks("", true), asks(OperationWrite, false), asks(OperationWrite, true)
	allowed := func(rule string) answer { return answer{Allowed: true, Rules: []string{rule}} }
	denied := func(detail string) answer {
		return answer{Rules: []string{""}, Denials: []string{"spec.data[0].key: " + detail}}
	}
	here := `allowed here: secret/data/drop/+ with role "writer" (rule "cm/drop"); secret/data/team-a/* with role "reader" (rule "cm/tree"); secret/data/team-a/out/*, secret/metadata/team-a/out/* with role "writer" (rule "cm/write")`
	tests := map[string]struct {
		claim *Claim
		want  answer
	}{
		"a write that is allowed":    {with(claim("team-a", "writer", "secret/data/team-a/out/x"), write), allowed("cm/write")},
		"a read where both are":      {claim("team-a", "writer", "secret/metadata/team-a/out/x"), allowed("cm/write")},
		"a read is not a write":      {with(claim("team-a", "reader", "secret/data/team-a/x"), write), denied(`Forbidden: writing "secret/data/team-a/x" with role "reader" is not allowed in namespace "team-a": rule "cm/tree" allows the path, but only with operation "read", not "write"`)},
		"a write is not a read":      {claim("team-a", "writer", "secret/data/drop/x"), denied(`Forbidden: "secret/data/drop/x" with role "writer" is not allowed in namespace "team-a": rule "cm/drop" allows the path, but only with operation "write", not "read"`)},
		"another operation":          {with(claim("team-a", "writer", "secret/data/team-a/out/x"), asks("list", false)), denied(`Forbidden: "secret/data/team-a/out/x" with role "writer" is not allowed in namespace "team-a": rule "cm/tree" allows the path, but only with role "reader", not "writer"`)},
		"a subtree that a rule is":   {with(claim("root", "reader", "legacy"), below), allowed("cm/all")},
		"a subtree within":           {with(claim("root", "reader", "legacy/a/b"), below), allowed("cm/all")},
		"a write of a subtree warns": {with(claim("team-a", "writer", "secret/data/team-a/out"), writeBelow), answer{Allowed: true, Rules: []string{"cm/write"}, Warnings: []string{`spec.data[0].key: Forbidden: writing everything below "secret/data/team-a/out": a part of it is denied by rule "cm/staged"; name the paths that are needed, or a smaller part`}}},
		"a subtree that is wider":    {with(claim("team-a", "reader", "secret/data"), below), denied(`Forbidden: everything below "secret/data": a part of it is denied by rule "cm/no-keys"; name the paths that are needed, or a smaller part: ask platform-security`)},
		"a subtree beside":           {with(claim("team-a", "reader", "secret/data/x/y"), below), denied(`Forbidden: everything below "secret/data/x/y" with role "reader" is not allowed in namespace "team-a": no path of a rule covers all of it; ` + here)},
		"one segment is no subtree":  {with(claim("team-a", "writer", "secret/data/drop"), asks("", true)), denied(`Forbidden: everything below "secret/data/drop": a part of it is denied by rule "cm/no-keys"; name the paths that are needed, or a smaller part: ask platform-security`)},
		"a subtree with a denied part": {with(claim("team-b", "reader", "secret/data/team-b"), below),
			denied(`Forbidden: everything below "secret/data/team-b": a part of it is denied by rule "cm/no-keys"; name the paths that are needed, or a smaller part: ask platform-security`)},
		"a part beside the denied one": {with(claim("team-b", "reader", "secret/data/team-b/app"), below), allowed("cm/guarded")},
		"a subtree that is not canonical": {with(claim("team-b", "reader", "secret/data/team-b/../team-c"), below),
			denied(`Invalid value: "secret/data/team-b/../team-c": not a canonical Vault path: it has a ".." segment; write "secret/data/team-c"`)},
		"a slash at its end":        {with(claim("root", "reader", "legacy/"), below), denied(`Invalid value: "legacy/": not a canonical Vault path: it has an empty segment (//); write "legacy"`)},
		"no path":                   {with(claim("root", "reader", ""), below), denied(`Invalid value: "": not a canonical Vault path: it starts with a slash`)},
		"everything of Vault":       {with(claim("root", "reader", "sys"), below), denied(`Forbidden: "sys": "sys" is reserved by Vault and never readable`)},
		"below a Vault namespace":   {with(claim("root", "reader", "ns1"), below), denied(`Forbidden: "ns1": Vault's reserved names may be below, and those are never readable; name a mount that the policy declares`)},
		"a write into auth":         {with(claim("root", "reader", "auth/token/create"), write), denied(`Forbidden: "auth/token/create": "auth" is reserved by Vault and never readable`)},
		"audited parts are allowed": {with(claim("root", "reader", "legacy"), below), allowed("cm/all")},
	}
	compiled := mustCompile(t, testSettings(), operationsPolicy)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, answerOf(compiled.Evaluate(tc.claim, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	login := func(namespace, role string, change func(*Claim)) *Claim {
		return with(claim(namespace, role), func(c *Claim) {
			c.Login, c.OwnIdentity = true, true
			change(c)
		})
	}
	as := func(namespace, name string) func(*Claim) {
		return func(c *Claim) { c.ServiceAccountNamespace, c.ServiceAccount = namespace, name }
	}
	itself := func(*Claim) {}
	tests := map[string]struct {
		claim *Claim
		want  []string
	}{
		"by any rule":                  {login("team-a", "writer", itself), nil},
		"with an identity":             {login("team-d", "reader", as("", "d")), nil},
		"that is spelt out":            {login("team-d", "reader", as("team-d", "d")), nil},
		"with one of another":          {login("team-c", "reader", as("vault-logins", "c")), nil},
		"no role":                      {login("team-a", "", itself), []string{`spec.vaultRole: Required value: name the Vault role; no default is configured`}},
		"no rule":                      {login("nobody", "reader", itself), []string{`spec.vaultRole: Forbidden: logging in with role "reader" is not allowed in namespace "nobody": no rule allows this namespace anything; ask whoever administers the policy for one`}},
		"another role":                 {login("team-a", "admin", itself), []string{`spec.vaultRole: Forbidden: logging in with role "admin" is not allowed in namespace "team-a": rule "cm/drop" wants role "writer", not "admin"; rule "cm/tree" wants role "reader", not "admin"; rule "cm/write" wants role "writer", not "admin"`}},
		"another method":               {login("root", "reader", func(c *Claim) { c.AuthMethod = "jwt" }), []string{`spec.vaultRole: Forbidden: logging in with role "reader" is not allowed in namespace "root": rule "cm/all" wants auth method "kubernetes", not "jwt"`}},
		"another Vault namespace":      {login("root", "reader", func(c *Claim) { c.VaultNamespace = "x" }), []string{`spec.vaultRole: Forbidden: logging in with role "reader" is not allowed in namespace "root": rule "cm/all" wants Vault namespace "", not "x"`}},
		"itself where one is named":    {login("team-d", "reader", itself), []string{`spec.vaultRole: Forbidden: logging in with role "reader" is not allowed in namespace "team-d": rule "cm/mine" wants identity "d", not of the controller itself`}},
		"one where none is named":      {login("root", "reader", as("", "default")), []string{`spec.vaultRole: Forbidden: logging in with role "reader" is not allowed in namespace "root": rule "cm/all" wants identity of the controller itself, not "default"`}},
		"of the wrong namespace":       {login("team-d", "reader", as("team-c", "d")), []string{`spec.vaultRole: Forbidden: logging in with role "reader" is not allowed in namespace "team-d": rule "cm/mine" wants identity "d", not "d" of namespace "team-c"`}},
		"left to a rule that says own": {with(login("team-d", "reader", itself), func(c *Claim) { c.OwnIdentity = false }), nil},
		"left to a rule of another":    {with(login("team-c", "reader", itself), func(c *Claim) { c.OwnIdentity = false }), []string{`spec.vaultRole: Forbidden: logging in with role "reader" is not allowed in namespace "team-c": rule "cm/theirs" wants identity "c" of namespace "vault-logins", not of Countersign itself`}},
		"a problem of the dialect": {login("root", "reader", func(c *Claim) {
			c.Problems = field.ErrorList{field.Forbidden(field.NewPath("spec", "x"), "no")}
		}), []string{"spec.x: Forbidden: no"}},
	}
	compiled := mustCompile(t, testSettings(), operationsPolicy)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := answer{Allowed: tc.want == nil, Rules: []string{}, Denials: tc.want}
			if diff := cmp.Diff(want, answerOf(compiled.Evaluate(tc.claim, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
	if compiled.Evaluate(with(claim("team-c", "reader", "secret/data/team-c/x"), itself), nil).Allowed() {
		t.Error("a read that leaves the identity to the rule gets one of another namespace")
	}
}

// Two reads that differ in what is done are two references.
func TestReferenceHasTheOperation(t *testing.T) {
	c := claim("team-a", "r", "secret/data/x", "secret/data/x", "secret/data/x", "secret/data/x")
	c.Reads[1].Operation = OperationWrite
	c.Reads[2].Subtree = true
	c.Reads[3].Operation = OperationRead
	if got := len(c.References()); got != 3 {
		t.Errorf("%d references, want 3: to read, to write and the subtree", got)
	}
	other := with(claim("team-a", "r", "secret/data/x"), func(c *Claim) { c.ServiceAccountNamespace = "x" })
	if c.References()[other.Reference(0)] {
		t.Error("the namespace of the ServiceAccount is no part of a reference")
	}
}
