package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const testPolicy = `
apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts:
  secret: {kv: 2}
  legacy: {kv: 1}
  team/kv: {kv: 2}
allow:
- name: own-tree
  namespaces: {names: ["team-*"]}
  paths: ["secret/data/{namespace}/*", "secret/data/shared/+/config"]
  roles: ["{namespace}-read"]
- name: payments
  namespaces: {matchLabels: {tier: payments}}
  paths: ["legacy/payments/db"]
  roles: ["payments-ro", "payments-batch"]
  authMounts: ["kubernetes-eu"]
- name: one
  namespaces: {names: ["one"]}
  paths: ["team/kv/data/one"]
  roles: ["reader"]
- name: second-vault
  namespaces: {names: ["one"]}
  paths: ["secret/data/one"]
  roles: ["reader"]
  vaults: ["other"]
deny:
- name: no-break-glass
  paths: ["secret/data/+/break-glass/*"]
  reason: ask platform-security
- name: staged
  paths: ["secret/data/+/old/*"]
  enforcement: Warn
- name: watched
  namespaces: {names: ["team-b"]}
  paths: ["secret/data/team-b/watched"]
  enforcement: Audit
`

func testSettings() Settings {
	return Settings{
		Enforcement:       Enforcement{Default: Enforce, Namespaces: map[string]Mode{"team-warn": Warn, "team-audit": Audit}},
		DefaultVault:      "default",
		DefaultAuthMounts: map[string]string{"default": "kubernetes"},
		MaxPaths:          3,
	}
}

func mustCompile(t testing.TB, settings Settings, documents ...string) *Policy {
	t.Helper()
	var parsed []*Document
	for i, text := range documents {
		document, err := Parse("cm", strings.Repeat("p", i+1)+".yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, document)
	}
	compiled, err := Compile(parsed, settings)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func claim(namespace, role string, paths ...string) *Claim {
	c := &Claim{
		Namespace: namespace, Vault: "default", AuthMount: "kubernetes", Role: role,
		RoleField: field.NewPath("spec", "vaultRole"),
	}
	for i, p := range paths {
		path, version := SplitVersion(p)
		c.Reads = append(c.Reads, Read{Path: path, Version: version, Field: field.NewPath("spec", "data").Index(i).Child("key")})
	}
	return c
}

func with(c *Claim, change func(*Claim)) *Claim {
	change(c)
	return c
}

// answer is a verdict as a user sees it.
type answer struct {
	Allowed  bool
	Rules    []string
	Denials  []string
	Warnings []string
}

func answerOf(v *Verdict) answer {
	a := answer{Allowed: v.Allowed(), Rules: make([]string, len(v.Grants))}
	for i, grant := range v.Grants {
		a.Rules[i] = grant.Rule
	}
	for _, err := range v.Denials() {
		a.Denials = append(a.Denials, err.Error())
	}
	for _, err := range v.Warnings() {
		a.Warnings = append(a.Warnings, err.Error())
	}
	return a
}

// The messages are golden: users and their tools read them.
func TestEvaluate(t *testing.T) {
	allowed := func(rules ...string) answer { return answer{Allowed: true, Rules: rules} }
	denied := func(reads int, messages ...string) answer {
		return answer{Rules: make([]string, reads), Denials: messages}
	}
	noPath := `no rule allows the path; allowed here: secret/data/team-a/*, secret/data/shared/+/config with role "team-a-read" (rule "cm/own-tree")`
	tests := map[string]struct {
		claim  *Claim
		labels map[string]string
		want   answer
	}{
		"own tree":            {claim("team-a", "team-a-read", "secret/data/team-a/db"), nil, allowed("cm/own-tree")},
		"deeper in own tree":  {claim("team-a", "team-a-read", "secret/data/team-a/x/y/z"), nil, allowed("cm/own-tree")},
		"one segment":         {claim("team-a", "team-a-read", "secret/data/shared/db/config"), nil, allowed("cm/own-tree")},
		"mount of two parts":  {claim("one", "reader", "team/kv/data/one"), nil, allowed("cm/one")},
		"by label, all parts": {with(claim("pay", "payments-ro", "legacy/payments/db"), func(c *Claim) { c.AuthMount = "kubernetes-eu" }), map[string]string{"tier": "payments"}, allowed("cm/payments")},
		"pinned version":      {claim("team-a", "team-a-read", "secret/data/team-a/db?version=3"), nil, allowed("cm/own-tree")},
		"other vault":         {with(claim("one", "reader", "secret/data/one"), func(c *Claim) { c.Vault = "other"; c.AuthMount = "" }), nil, allowed("cm/second-vault")},
		"other vault's rule in the default one": {claim("one", "reader", "secret/data/one"), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/data/one" with role "reader" is not allowed in namespace "one": rule "cm/second-vault" allows the path, but only with Vault "other", not "default"`)},
		"neighbour's tree": {claim("team-a", "team-a-read", "secret/data/team-b/db"), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/data/team-b/db" with role "team-a-read" is not allowed in namespace "team-a": `+noPath)},
		"prefix is no segment": {claim("team-a", "team-a-read", "secret/data/team-ab/db"), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/data/team-ab/db" with role "team-a-read" is not allowed in namespace "team-a": `+noPath)},
		"star needs a segment": {claim("team-a", "team-a-read", "secret/data/team-a"), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/data/team-a" with role "team-a-read" is not allowed in namespace "team-a": `+noPath)},
		"case matters to allow": {claim("team-a", "team-a-read", "secret/data/Team-a/db"), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/data/Team-a/db" with role "team-a-read" is not allowed in namespace "team-a": `+noPath)},
		"metadata of v2": {claim("team-a", "team-a-read", "secret/metadata/team-a/db"), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/metadata/team-a/db" with role "team-a-read" is not allowed in namespace "team-a": `+noPath)},
		"wrong role": {claim("team-a", "admin", "secret/data/team-a/db"), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/data/team-a/db" with role "admin" is not allowed in namespace "team-a": rule "cm/own-tree" allows the path, but only with role "team-a-read", not "admin"`)},
		"wrong auth mount": {with(claim("team-a", "team-a-read", "secret/data/team-a/db"), func(c *Claim) { c.AuthMount = "kubernetes-eu" }), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/data/team-a/db" with role "team-a-read" is not allowed in namespace "team-a": rule "cm/own-tree" allows the path, but only with auth mount "kubernetes", not "kubernetes-eu"`)},
		"label missing": {claim("pay", "payments-ro", "legacy/payments/db"), map[string]string{"tier": "web"}, denied(1,
			`spec.data[0].key: Forbidden: "legacy/payments/db" with role "payments-ro" is not allowed in namespace "pay": no rule allows this namespace anything; ask whoever administers the policy for one`)},
		"no role": {claim("team-a", "", "secret/data/team-a/a", "secret/data/team-a/b"), nil, denied(2,
			`spec.vaultRole: Required value: name the Vault role; no default is configured`)},
		"nothing asked": {claim("team-a", "team-a-read"), nil, denied(0, `spec: Required value: ask for at least one value`)},
		"not canonical": {claim("team-a", "team-a-read", "secret/data/team-a/../team-b/db"), nil, denied(1,
			`spec.data[0].key: Invalid value: "secret/data/team-a/../team-b/db": not a canonical Vault path: it has a ".." segment; write "secret/data/team-b/db"`)},
		"reserved": {claim("team-a", "team-a-read", "SYS/health"), nil, denied(1,
			`spec.data[0].key: Forbidden: "SYS/health": "SYS" is reserved by Vault and never readable`)},
		"reserved behind a Vault namespace": {claim("team-warn", "team-warn-read", "ns1/ns2/Auth/token/lookup-self"), nil, denied(1,
			`spec.data[0].key: Forbidden: "ns1/ns2/Auth/token/lookup-self": "Auth" is reserved by Vault and never readable, behind a Vault namespace neither`)},
		"reserved word below a mount": {claim("team-a", "team-a-read", "secret/data/team-a/auth"), nil, allowed("cm/own-tree")},
		"deny wins, case folded": {claim("team-a", "team-a-read", "secret/data/team-a/Break-Glass/root"), nil, denied(1,
			`spec.data[0].key: Forbidden: "secret/data/team-a/Break-Glass/root" is denied by rule "cm/no-break-glass": ask platform-security`)},
		"staged deny warns": {claim("team-a", "team-a-read", "secret/data/team-a/old/x"), nil, answer{
			Allowed: true, Rules: []string{"cm/own-tree"},
			Warnings: []string{`spec.data[0].key: Forbidden: "secret/data/team-a/old/x" is denied by rule "cm/staged"`}}},
		"audited deny is silent": {claim("team-b", "team-b-read", "secret/data/team-b/watched"), nil, allowed("cm/own-tree")},
		"default deny warns": {claim("team-warn", "x", "secret/data/x"), nil, answer{
			Allowed: true, Rules: []string{""},
			Warnings: []string{`spec.data[0].key: Forbidden: "secret/data/x" with role "x" is not allowed in namespace "team-warn": no rule allows the path; allowed here: secret/data/team-warn/*, secret/data/shared/+/config with role "team-warn-read" (rule "cm/own-tree")`}}},
		"default deny audits":               {claim("team-audit", "x", "secret/data/x"), nil, allowed("")},
		"an enforced deny is not softened":  {claim("team-warn", "x", "secret/data/team-warn/break-glass/x"), nil, denied(1, `spec.data[0].key: Forbidden: "secret/data/team-warn/break-glass/x" is denied by rule "cm/no-break-glass": ask platform-security`)},
		"a missing role is not softened":    {claim("team-warn", "", "secret/data/x"), nil, denied(1, `spec.vaultRole: Required value: name the Vault role; no default is configured`)},
		"one good read legitimises nothing": {claim("team-a", "team-a-read", "secret/data/team-a/db", "secret/data/x"), nil, answer{Rules: []string{"cm/own-tree", ""}, Denials: []string{`spec.data[1].key: Forbidden: "secret/data/x" with role "team-a-read" is not allowed in namespace "team-a": ` + noPath}}},
		"too many paths":                    {claim("team-a", "team-a-read", "secret/data/team-a/1", "secret/data/team-a/2", "secret/data/team-a/3", "secret/data/team-a/4"), nil, answer{Rules: []string{"cm/own-tree", "cm/own-tree", "cm/own-tree", "cm/own-tree"}, Denials: []string{`spec: Too many: 4: must have at most 3 items`}}},
		"a problem of the dialect":          {with(claim("team-a", "team-a-read", "secret/data/team-a/1"), func(c *Claim) { c.Problems = field.ErrorList{field.Forbidden(field.NewPath("spec", "x"), "no")} }), nil, answer{Rules: []string{"cm/own-tree"}, Denials: []string{"spec.x: Forbidden: no"}}},
	}
	compiled := mustCompile(t, testSettings(), testPolicy)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := answerOf(compiled.Evaluate(tc.claim, tc.labels))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Lists that are too long to tell whole, and those that hold a variable.
func TestDenialsTellALittle(t *testing.T) {
	const text = `
apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}}
allow:
- {name: many, namespaces: {names: [many]}, paths: [secret/data/1, secret/data/2, secret/data/3, secret/data/4], roles: [r1, r2, r3, r4]}
- {name: many-2, namespaces: {names: [many]}, paths: [secret/data/5], roles: [r]}
- {name: many-3, namespaces: {names: [many]}, paths: [secret/data/6], roles: [r]}
- {name: many-4, namespaces: {names: [many]}, paths: [secret/data/7], roles: [r]}
- {name: mounts, namespaces: {names: [a]}, paths: [secret/data/mount], roles: [r], authMounts: ["k8s-{namespace}", eu]}
`
	tests := map[string]struct {
		claim *Claim
		want  string
	}{
		"many roles": {claim("many", "r", "secret/data/1"),
			`rule "cm/many" allows the path, but only with role "r1" or "r2" or "r3" or ..., not "r"`},
		"many rules and paths": {claim("many", "r", "secret/data/x"),
			`no rule allows the path; allowed here: secret/data/1, secret/data/2, secret/data/3, ... with role "r1" or "r2" or "r3" or ... (rule "cm/many"); ` +
				`secret/data/5 with role "r" (rule "cm/many-2"); secret/data/6 with role "r" (rule "cm/many-3"); and 1 more`},
		"auth mounts": {claim("a", "r", "secret/data/mount"),
			`rule "cm/mounts" allows the path, but only with auth mount "k8s-a" or "eu", not "kubernetes"`},
	}
	compiled := mustCompile(t, testSettings(), text)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := fmt.Sprintf("spec.data[0].key: Forbidden: %q with role %q is not allowed in namespace %q: %s",
				tc.claim.Reads[0].Path, tc.claim.Role, tc.claim.Namespace, tc.want)
			if diff := cmp.Diff(answer{Rules: []string{""}, Denials: []string{want}}, answerOf(compiled.Evaluate(tc.claim, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEvaluateWithoutPolicy(t *testing.T) {
	var none *Policy
	got := answerOf(none.Evaluate(claim("team-a", "team-a-read", "secret/data/team-a/db"), nil))
	want := answer{Rules: []string{""}, Denials: []string{"spec: Forbidden: no valid policy has been loaded yet; ask the operators of Countersign"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDenialsAreBoundedAndOrdered(t *testing.T) {
	settings := testSettings()
	settings.MaxPaths = 0
	compiled := mustCompile(t, settings, testPolicy)
	paths := make([]string, 13)
	for i := range paths {
		paths[i] = "secret//" + strings.Repeat("x", i+1)
	}
	denials := compiled.Evaluate(claim("team-a", "team-a-read", paths...), nil).Denials()
	if len(denials) != 11 {
		t.Fatalf("%d denials, want 10 and a count", len(denials))
	}
	if got := denials[9].Field; got != "spec.data[9].key" {
		t.Errorf("the tenth is %s: not in field order", got)
	}
	if got := denials[10].Error(); got != "spec: Forbidden: and 3 more violations" {
		t.Errorf("the last says %q", got)
	}
}

// The ratchet of an update.
func TestVerdictWithout(t *testing.T) {
	compiled := mustCompile(t, testSettings(), testPolicy)
	bad, good, worse := "secret/data/x", "secret/data/team-a/db", "secret/data/y"
	tests := map[string]struct {
		old, new *Claim
		want     []string
	}{
		"unchanged violation passes":    {claim("team-a", "r", bad), claim("team-a", "r", bad), nil},
		"moved violation passes":        {claim("team-a", "r", bad), claim("team-a", "r", good, bad), []string{"spec.data[0].key"}},
		"one of two removed passes":     {claim("team-a", "r", bad, worse), claim("team-a", "r", bad), nil},
		"new violation is judged":       {claim("team-a", "team-a-read", bad), claim("team-a", "team-a-read", bad, worse), []string{"spec.data[1].key"}},
		"new role makes all reads new":  {claim("team-a", "r", bad), claim("team-a", "s", bad), []string{"spec.data[0].key"}},
		"new version is a new read":     {claim("team-a", "r", bad), claim("team-a", "r", bad+"?version=1"), []string{"spec.data[0].key"}},
		"role dropped":                  {claim("team-a", "r", bad), claim("team-a", "", bad), []string{"spec.vaultRole"}},
		"missing role hides no new":     {claim("team-a", "", bad), claim("team-a", "", bad, worse), []string{"spec.vaultRole"}},
		"problem of the dialect stands": {withProblem(claim("team-a", "team-a-read", good)), withProblem(claim("team-a", "team-a-read", good)), nil},
		"problem of the dialect is new": {claim("team-a", "team-a-read", good), withProblem(claim("team-a", "team-a-read", good)), []string{"spec.template"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			verdict := compiled.Evaluate(tc.new, nil)
			kept := verdict.Without(tc.new, tc.old, compiled.Evaluate(tc.old, nil))
			var got []string
			for _, err := range kept.Denials() {
				got = append(got, err.Field)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func withProblem(c *Claim) *Claim {
	c.Problems = append(c.Problems, field.Forbidden(field.NewPath("spec", "template"), "no"))
	return c
}

// A union of documents: a deny of one wins over an allow of another.
func TestUnionOfDocuments(t *testing.T) {
	deny := `{apiVersion: countersign.dev/v1alpha1, kind: AccessPolicy, allow: [], deny: [{name: all, paths: ["secret/*"]}]}`
	compiled := mustCompile(t, testSettings(), testPolicy, deny)
	if compiled.Evaluate(claim("team-a", "team-a-read", "secret/data/team-a/db"), nil).Allowed() {
		t.Error("the deny rule of the other document does not apply")
	}
}

// rulesText is a policy in which each of many namespaces has a rule of its own
// kind for the same paths, besides a deny rule.
func rulesText(rules int) string {
	var text strings.Builder
	text.WriteString("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {secret: {kv: 2}}\nallow:\n")
	for i := range rules {
		fmt.Fprintf(&text, "- {name: name-%[1]d, namespaces: {names: [team-%[1]d]}, paths: [\"secret/data/shared/*\"], roles: [\"{namespace}-read\"]}\n", i)
		fmt.Fprintf(&text, "- {name: prefix-%[1]d, namespaces: {names: [\"org-%[1]d-*\"]}, paths: [\"secret/data/{namespace}/+/db\"], roles: [r], authMounts: [\"{namespace}\"]}\n", i)
		fmt.Fprintf(&text, "- {name: label-%[1]d, namespaces: {matchLabels: {env: prod, team: t%[1]d}}, paths: [\"secret/data/label/*\"], roles: [r]}\n", i)
	}
	text.WriteString("deny:\n")
	for i := range rules {
		fmt.Fprintf(&text, "- {name: deny-%[1]d, namespaces: {names: [\"team-%[1]d*\"]}, paths: [\"secret/data/+/break-glass-%[1]d/*\"]}\n", i)
	}
	return text.String()
}

// An allowed read costs no allocation, whatever selects the namespace and
// however the path is spelt; all checks included.
func TestAllowedMatchDoesNotAllocate(t *testing.T) {
	labels := map[string]string{"env": "prod", "team": "t77", "tier": "web"}
	authMount := func(c *Claim) { c.AuthMount = c.Namespace }
	tests := map[string]struct {
		claim  *Claim
		labels map[string]string
		want   string
	}{
		"by name":              {claim("team-77", "team-77-read", "secret/data/shared/db/deep/below"), nil, "cm/name-77"},
		"by prefix":            {with(claim("org-77-x", "r", "secret/data/org-77-x/a/db"), authMount), nil, "cm/prefix-77"},
		"by label":             {claim("any", "r", "secret/data/label/db"), labels, "cm/label-77"},
		"case that deny folds": {claim("team-77", "team-77-read", "secret/data/shared/BREAK-glass-77"), nil, "cm/name-77"},
		"pinned version":       {claim("team-77", "team-77-read", "secret/data/shared/db?version=3"), nil, "cm/name-77"},
	}
	compiled := mustCompile(t, testSettings(), rulesText(1000))
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			verdict := &Verdict{Grants: make([]Grant, 1)}
			allocations := testing.AllocsPerRun(100, func() { compiled.checkRead(tc.claim, 0, tc.labels, verdict) })
			if got := verdict.Grants[0].Rule; got != tc.want || len(verdict.Violations) > 0 {
				t.Fatalf("rule %q, want %q; violations %v", got, tc.want, verdict.Violations)
			}
			if allocations != 0 {
				t.Errorf("%v allocations", allocations)
			}
		})
	}
}

// However many rules there are, one is tried: those of other namespaces are not
// looked at, and a rule that selects by several labels is found under the one
// that the fewest ask for.
func TestMatchTriesOneRule(t *testing.T) {
	authMount := func(c *Claim) { c.AuthMount = c.Namespace }
	tests := map[string]struct {
		claim  *Claim
		labels map[string]string
	}{
		"by name":   {claim("team-7", "team-7-read", "secret/data/shared/db"), nil},
		"by prefix": {with(claim("org-7-x", "r", "secret/data/org-7-x/a/db"), authMount), nil},
		"by label":  {claim("any", "r", "secret/data/label/db"), map[string]string{"env": "prod", "team": "t7"}},
	}
	for _, rules := range []int{10, 1000} {
		compiled := mustCompile(t, testSettings(), rulesText(rules))
		for name, tc := range tests {
			tried := 0
			s := search{namespace: tc.claim.Namespace, labels: tc.labels, accepts: func(rule int) bool {
				tried++
				return compiled.grants(&compiled.allow[rule], tc.claim, &tc.claim.Reads[0], tc.labels)
			}}
			if compiled.allowed.find(tc.claim.Reads[0].Path, &s); s.best < 0 || tried != 1 {
				t.Errorf("%s, %d rules: rule %d after %d tries, want one after one", name, rules, s.best, tried)
			}
		}
	}
}
