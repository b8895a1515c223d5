package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each error has its line and column.
func TestParseErrors(t *testing.T) {
	head := "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"
	rule := "allow:\n- name: a\n  namespaces: {names: [x]}\n  roles: [r]\n"
	tests := map[string]struct{ text, want string }{
		"empty":               {"", `: the document is empty; deny everything with "allow: []"`},
		"only a comment":      {"# nothing\n", `: the document is empty; deny everything with "allow: []"`},
		"not YAML":            {"a: [", ":1:1: did not find expected node content"},
		"not YAML further on": {head + "allow:\n- name: [a\nb: c\n", ":3:1: did not find expected ',' or ']'"},
		"unknown field":       {head + "allow: []\nallows: []\n", `:4:1: unknown field "allows"`},
		"unknown rule field":  {head + rule + "  path: x\n", `:7:3: unknown field "allow[0].path"`},
		"unknown nested":      {head + "mounts:\n  secret: {kv: 2, version: 2}\nallow: []\n", `:4:19: unknown field "mounts.secret.version"`},
		"field of other case": {head + "Allow: []\n", `:3:1: unknown field "Allow"`},
		"two unknown fields":  {head + "allow: []\na: 1\nb: 2\n", ":4:1: unknown field \"a\"\ncm[policy.yaml]:5:1: unknown field \"b\""},
		"duplicate key":       {head + "allow: []\nallow: []\n", `:4:1: key "allow" is there already`},
		"duplicate rule key":  {head + rule + "  name: b\n", `:7:3: key "allow.0.name" is there already`},
		"second document":     {head + "allow: []\n---\n" + head + "deny: []\n", `: more than one YAML document; give each a key of its own`},
		"other kind":          {"apiVersion: v1\nkind: Secret\n", `:1:1: want apiVersion: countersign.dev/v1alpha1 and kind: AccessPolicy, got "v1" and "Secret"`},
		"newer than we":       {"kind: AccessPolicy\napiVersion: countersign.dev/v2\n", `:2:1: want apiVersion: countersign.dev/v1alpha1 and kind: AccessPolicy, got "countersign.dev/v2" and "AccessPolicy"`},
		"object for a list":   {head + "allow: {}\n", ":3:1: allow: a object stands where a list belongs"},
		"text for a list":     {head + "allow:\n- name: a\n  roles: [r]\n  paths: secret/data/x\n", ":6:3: allow[0].paths: a string stands where a list belongs"},
		"number for a text":   {head + "allow:\n- {name: a}\n- name: b\n  roles: [r, 7]\n", ":6:14: allow[1].roles[1]: a number stands where a string belongs"},
		"text for a number":   {head + "mounts: {a: {kv: 1}, secret: {kv: v2}}\nallow: []\n", ":3:31: mounts.secret.kv: a string stands where a whole number belongs"},
		"alias":               {head + "allow:\n- {name: a, roles: &r [x]}\n- {name: b, roles: *r}\n", ":5:20: allow.1.roles: write the value out; an alias (*r) may stand for far more than a reviewer sees"},
		"merged key":          {head + "allow:\n- &a {name: a}\n- {<<: *a}\n", ":5:8: allow.1.<<: write the value out; an alias (*a) may stand for far more than a reviewer sees"},
		"list for a document": {"- a\n- b\n", ":1:1: : a array stands where an object belongs"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("cm", "policy.yaml", []byte(tc.text))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff("cm[policy.yaml]"+tc.want, err.Error()); diff != "" {
				t.Error(diff)
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
	at := "allow[0].paths[0]: Invalid value: "
	tests := map[string]struct {
		text string
		want []string
	}{
		"good":                {pattern("secret/data/{namespace}/+/*"), nil},
		"empty policy":        {"allow: []", nil},
		"nothing in a rule":   {allow(""), []string{"allow[0].name: Required value: verdicts name the rule", `allow[0].namespaces: Required value: give names or matchLabels; names: ["*"] is every namespace`, "allow[0].paths: Required value: name the paths", "allow[0].roles: Required value: name the Vault roles that may be used"}},
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
		"v2 metadata":         {pattern("secret/metadata/team-a/*"), nil},
		"operations":          {allow(`name: a, namespaces: {names: [x]}, roles: [r], paths: ["legacy/x"], operations: [write, list, write]`), []string{`allow[0].operations[1]: Unsupported value: "list": supported values: "read", "write"`, `allow[0].operations[2]: Duplicate value: "write"`}},
		"no operation":        {allow(`name: a, namespaces: {names: [x]}, roles: [r], paths: ["legacy/x"], operations: []`), []string{`allow[0].operations: Required value: name read, write or both; left out, it is read`}},
		"identity's pattern":  {allow(`name: a, namespaces: {names: [x]}, roles: [r], paths: ["legacy/x"], identity: {namespace: "a.b", serviceAccount: a}`), []string{`allow[0].identity.namespace: Invalid value: "a.b": must not contain dots`}},
		"v2 plus for data":    {pattern("secret/+/team-a/*"), []string{at + `"secret/+/team-a/*": values of a KV v2 mount are below secret/data/; write "secret/data/+/team-a/*"`}},
		"reserved mount":      {"mounts: {ns1/Sys: {}}\nallow: []", []string{`mounts[ns1/Sys]: Invalid value: "ns1/Sys": "Sys" is reserved by Vault and never readable`}},
		"bad mount":           {"mounts: {/a/: {kv: 3}}\nallow: []", []string{`mounts[/a/].kv: Invalid value: 3: write 1 or 2, or leave it out for another engine`, `mounts[/a/]: Invalid value: "/a/": it starts with a slash`}},
		"role with a star":    {allow(`name: a, namespaces: {names: [x]}, roles: ["r*", ""], paths: ["legacy/x"]`), []string{`allow[0].roles[0]: Invalid value: "r*": write a literal name, with {namespace} at most once in it`, `allow[0].roles[1]: Required value: write a name`}},
		"names and labels":    {allow(`name: a, namespaces: {names: [x], matchLabels: {a: b}}, roles: [r], paths: ["legacy/x"]`), []string{`allow[0].namespaces: Invalid value: "names, matchLabels": give one of them; write two rules for both`}},
		"namespace pattern":   {allow(`name: a, namespaces: {names: ["*-x", "A"]}, roles: [r], paths: ["legacy/x"]`), []string{`allow[0].namespaces.names[0]: Invalid value: "*-x": write a namespace name, or a prefix that ends in "*"`, `allow[0].namespaces.names[1]: Invalid value: "A": write a namespace name, or a prefix that ends in "*"`}},
		"labels that no namespace carries": {allow(`name: a, namespaces: {matchLabels: {"a b": x, tier: "-"}}, roles: [r], paths: ["legacy/x"]`), []string{
			`allow[0].namespaces.matchLabels[a b]: Invalid value: "x": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
			`allow[0].namespaces.matchLabels[tier]: Invalid value: "-": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`}},
		"duplicate name":  {"mounts: {legacy: {kv: 1}}\nallow: [{name: a, namespaces: {names: [x]}, roles: [r], paths: [legacy/x]}]\ndeny: [{name: a, paths: [legacy/x]}]", []string{`deny[0].name: Duplicate value: "a"`}},
		"bad enforcement": {"mounts: {legacy: {kv: 1}}\nallow: []\ndeny: [{name: a, paths: [legacy/x], enforcement: Loose}]", []string{`deny[0].enforcement: Unsupported value: "Loose": supported values: "Enforce", "Warn", "Audit"`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			document, err := Parse("cm", "p.yaml", []byte("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"+tc.text))
			if err != nil {
				t.Fatal(err)
			}
			compiled, err := Compile([]*Document{document}, testSettings())
			if (compiled == nil) != (err != nil) {
				t.Fatal("a policy with errors, or none without")
			}
			if diff := cmp.Diff(tc.want, messagesOf(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// messagesOf are the problems without their places.
func messagesOf(err error) []string {
	var problems Problems
	if !errors.As(err, &problems) {
		return nil
	}
	messages := make([]string, len(problems))
	for i, problem := range problems {
		messages[i] = problem.Message
	}
	return messages
}

func TestMountsOfTwoDocumentsMustAgree(t *testing.T) {
	head := "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\n"
	one, _ := Parse("a", "p.yaml", []byte(head+"mounts: {secret: {kv: 1}}"))
	two, _ := Parse("b", "p.yaml", []byte(head+"mounts: {secret: {kv: 2}}"))
	_, err := Compile([]*Document{two, one}, testSettings())
	if got, want := err.Error(), `b[p.yaml]:4:10: mounts[secret]: Invalid value: 2: another document declares kv: 1`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What compiles to far more than its text is refused where it goes too far, in
// whichever document that is.
func TestCompileBoundsPairs(t *testing.T) {
	list := func(prefix string, n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("%s%d", prefix, i)
		}
		return strings.Join(names, ", ")
	}
	document := func(key, name string, names, paths int) *Document {
		parsed, err := Parse("cm", key, []byte("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {legacy: {kv: 1}}\nallow: []\n"+
			"deny:\n- {name: "+name+", namespaces: {names: ["+list("n", names)+"]}, paths: ["+list("legacy/x", paths)+"]}\n"))
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	first := document("a.yaml", "first", 1000, 499)
	if _, err := Compile([]*Document{first, document("b.yaml", "second", 1000, 1)}, testSettings()); err != nil {
		t.Errorf("at the bound: %v", err)
	}
	_, err := Compile([]*Document{first, document("b.yaml", "second", 1001, 1)}, testSettings())
	want := `cm[b.yaml]:6:18: deny[0].namespaces: Forbidden: with this rule the policy has more than 500000 pairs of a path and a namespace; select namespaces by a prefix or a label`
	if err == nil || err.Error() != want {
		t.Errorf("beyond the bound: %v", err)
	}
}

// One bad key keeps all of a ConfigMap out.
func TestParseDataErrors(t *testing.T) {
	good := "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\n"
	tests := map[string]struct {
		data map[string]string
		want string
	}{
		"no key":              {nil, "cm: no key ends in .yaml, so there is no policy in it"},
		"keys of other kinds": {map[string]string{"policy.yml": good}, "cm: no key ends in .yaml, so there is no policy in it"},
		"two bad keys":        {map[string]string{"a.yaml": "a: [", "b.yaml": good, "c.yaml": ""}, "cm[a.yaml]:1:1: did not find expected node content\ncm[c.yaml]: the document is empty; deny everything with \"allow: []\""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseData("cm", tc.data)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
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

// FuzzParse: whatever a ConfigMap holds, parsing and compiling end, never with
// a policy and errors both, and what comes of it is in proportion to the text.
func FuzzParse(f *testing.F) {
	f.Add(testPolicy)
	f.Fuzz(func(t *testing.T, text string) {
		document, err := Parse("cm", "p.yaml", []byte(text))
		if err != nil {
			return
		}
		compiled, err := Compile([]*Document{document}, testSettings())
		if (compiled == nil) == (err == nil) {
			t.Errorf("policy %v with error %v", compiled, err)
		}
		if linted := Lint([]*Document{document}, testSettings()).Err(); (linted == nil) != (err == nil) {
			t.Errorf("lint says %v, the compiler %v", linted, err)
		}
		if err != nil {
			return
		}
		if nodes := countNodes(compiled.allowed) + countNodes(compiled.denied); nodes > len(text) {
			t.Errorf("%d nodes of %d bytes", nodes, len(text))
		}
	})
}
