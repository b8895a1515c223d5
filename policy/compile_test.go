package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseErrors(t *testing.T) {
	head := "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"
	tests := map[string]struct{ text, want string }{
		"empty":               {"", "the document is empty"},
		"only a comment":      {"# nothing\n", "want apiVersion"},
		"not YAML":            {"a: [", "did not find expected"},
		"unknown field":       {head + "allow: []\nallows: []\n", `unknown field "allows"`},
		"unknown rule field":  {head + "allow: [{name: a, path: x}]\n", `unknown field "allow[0].path"`},
		"field of other case": {head + "Allow: []\n", `unknown field "Allow"`},
		"duplicate key":       {head + "allow: []\nallow: []\n", `key "allow" already set`},
		"second document":     {head + "allow: []\n---\n" + head + "deny: []\n", "more than one YAML document"},
		"other kind":          {"apiVersion: v1\nkind: Secret\n", "want apiVersion"},
		"other type":          {head + "allow: {}\n", "cannot unmarshal object"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("cm", "policy.yaml", []byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "cm[policy.yaml]: ") {
				t.Errorf("got %v, want cm[policy.yaml]: ...%s", err, tc.want)
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	allow := func(fields string) string {
		return "mounts: {secret: {kv: 2}, legacy: {kv: 1}}\nallow: [{" + fields + "}]"
	}
	pattern := func(pattern string) string {
		return allow(`name: a, namespaces: {names: [x]}, roles: [r], paths: ["` + pattern + `"]`)
	}
	at := "cm[p.yaml].allow[0].paths[0]: Invalid value: "
	tests := map[string]struct {
		text string
		want []string
	}{
		"good":                {pattern("secret/data/{namespace}/+/*"), nil},
		"empty policy":        {"allow: []", nil},
		"nothing in a rule":   {allow(""), []string{"cm[p.yaml].allow[0].name: Required value: verdicts name the rule", `cm[p.yaml].allow[0].namespaces: Required value: give names or matchLabels; names: ["*"] is every namespace`, "cm[p.yaml].allow[0].paths: Required value: name the paths", "cm[p.yaml].allow[0].roles: Required value: name the Vault roles that may be used"}},
		"prefix star":         {pattern("secret/data/foo*"), []string{at + `"secret/data/foo*": "foo*": "*" stands only as a whole segment; write "prefix/*" as segments of their own`}},
		"double star":         {pattern("secret/data/**"), []string{at + `"secret/data/**": "**" is not a pattern; a final "*" already covers all deeper segments`}},
		"star within":         {pattern("secret/data/*/x"), []string{at + `"secret/data/*/x": "*" stands only as the last segment; write "+" for one segment`}},
		"plus in a segment":   {pattern("secret/data/a+"), []string{at + `"secret/data/a+": "a+": "+" stands only as a whole segment`}},
		"variable in segment": {pattern("secret/data/x-{namespace}"), []string{at + `"secret/data/x-{namespace}": "x-{namespace}": {namespace} stands only as a whole segment`}},
		"unknown variable":    {pattern("secret/data/{name}"), []string{at + `"secret/data/{name}": "{name}": the only variable is {namespace}`}},
		"regular expression":  {pattern("secret/data/[a-z]"), []string{at + `"secret/data/[a-z]": segment "[a-z]" has a character outside A-Z a-z 0-9 _ . @ : = ~ -`}},
		"parent":              {pattern("secret/data/../x"), []string{at + `"secret/data/../x": it has a ".." segment`}},
		"too many plus":       {pattern("secret/data/+/+/+/+/+"), []string{at + `"secret/data/+/+/+/+/+": more than 4 segments "+"`}},
		"undeclared mount":    {pattern("kv/data/x"), []string{at + `"kv/data/x": does not start with a declared mount; name it under mounts of this or another document`}},
		"wildcard mount":      {pattern("+/data/x"), []string{at + `"+/data/x": does not start with a declared mount; name it under mounts of this or another document`}},
		"v2 without data":     {pattern("secret/team-a/*"), []string{at + `"secret/team-a/*": values of a KV v2 mount are below secret/data/; write "secret/data/team-a/*"`}},
		"v2 plus for data":    {pattern("secret/+/team-a/*"), []string{at + `"secret/+/team-a/*": values of a KV v2 mount are below secret/data/; write "secret/data/+/team-a/*"`}},
		"reserved mount":      {"mounts: {ns1/Sys: {}}\nallow: []", []string{`cm[p.yaml].mounts[ns1/Sys]: Invalid value: "ns1/Sys": "Sys" is reserved by Vault and never readable`}},
		"bad mount":           {"mounts: {/a/: {kv: 3}}\nallow: []", []string{`cm[p.yaml].mounts[/a/].kv: Invalid value: 3: write 1 or 2, or leave it out for another engine`, `cm[p.yaml].mounts[/a/]: Invalid value: "/a/": it starts with a slash`}},
		"role with a star":    {allow(`name: a, namespaces: {names: [x]}, roles: ["r*", ""], paths: ["legacy/x"]`), []string{`cm[p.yaml].allow[0].roles[0]: Invalid value: "r*": write a literal name, with {namespace} at most once in it`, `cm[p.yaml].allow[0].roles[1]: Required value: write a name`}},
		"names and labels":    {allow(`name: a, namespaces: {names: [x], matchLabels: {a: b}}, roles: [r], paths: ["legacy/x"]`), []string{`cm[p.yaml].allow[0].namespaces: Invalid value: "names, matchLabels": give one of them; write two rules for both`}},
		"namespace pattern":   {allow(`name: a, namespaces: {names: ["*-x", "A"]}, roles: [r], paths: ["legacy/x"]`), []string{`cm[p.yaml].allow[0].namespaces.names[0]: Invalid value: "*-x": write a namespace name, or a prefix that ends in "*"`, `cm[p.yaml].allow[0].namespaces.names[1]: Invalid value: "A": write a namespace name, or a prefix that ends in "*"`}},
		"duplicate name":      {"mounts: {legacy: {kv: 1}}\nallow: [{name: a, namespaces: {names: [x]}, roles: [r], paths: [legacy/x]}]\ndeny: [{name: a, paths: [legacy/x]}]", []string{`cm[p.yaml].deny[0].name: Duplicate value: "a"`}},
		"bad enforcement":     {"mounts: {legacy: {kv: 1}}\nallow: []\ndeny: [{name: a, paths: [legacy/x], enforcement: Loose}]", []string{`cm[p.yaml].deny[0].enforcement: Unsupported value: "Loose": supported values: "Enforce", "Warn", "Audit"`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			document, err := Parse("cm", "p.yaml", []byte("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"+tc.text))
			if err != nil {
				t.Fatal(err)
			}
			compiled, errs := Compile([]*Document{document}, testSettings())
			if (compiled == nil) != (len(errs) > 0) {
				t.Fatal("a policy with errors, or none without")
			}
			var got []string
			for _, err := range errs {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMountsOfTwoDocumentsMustAgree(t *testing.T) {
	head := "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\n"
	one, _ := Parse("a", "p.yaml", []byte(head+"mounts: {secret: {kv: 1}}"))
	two, _ := Parse("b", "p.yaml", []byte(head+"mounts: {secret: {kv: 2}}"))
	_, errs := Compile([]*Document{two, one}, testSettings())
	if got, want := errs.ToAggregate().Error(), `b[p.yaml].mounts[secret]: Invalid value: 2: another document declares kv: 1`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRevision(t *testing.T) {
	one := mustCompile(t, testSettings(), testPolicy)
	same := mustCompile(t, testSettings(), testPolicy)
	other := mustCompile(t, testSettings(), testPolicy+"\n# a comment\n")
	if one.Revision() != same.Revision() || one.Revision() == other.Revision() || one.Revision() == "" {
		t.Errorf("revisions %q, %q, %q", one.Revision(), same.Revision(), other.Revision())
	}
}

// FuzzParse: whatever a ConfigMap holds, parsing and compiling end, and never
// with a policy and errors both.
func FuzzParse(f *testing.F) {
	f.Add(testPolicy)
	f.Add("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\n---\n")
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		document, err := Parse("cm", "p.yaml", []byte(text))
		if err != nil {
			return
		}
		compiled, errs := Compile([]*Document{document}, testSettings())
		if (compiled == nil) == (len(errs) == 0) {
			t.Errorf("policy %v with errors %v", compiled, errs)
		}
	})
}
