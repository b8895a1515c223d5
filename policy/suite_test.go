package policy

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const suiteHead = "apiVersion: countersign.dev/v1alpha1\nkind: PolicyTest\npolicies: [p.yaml]\n"

// Each mistake of a suite has its line and column.
func TestParseSuiteErrors(t *testing.T) {
	one := func(fields string) string { return suiteHead + "cases:\n- name: a\n" + fields }
	tests := map[string]struct{ text, want string }{
		"good":                 {one("  namespace: x\n  request: {path: secret/data/x}\n  want: deny\n"), ""},
		"good manifest":        {one("  manifest: {kind: ExternalSecret, spec: {any: thing}}\n  want: allow\n"), ""},
		"empty":                {"", "suite.yaml:1:1: want apiVersion: countersign.dev/v1alpha1 and kind: PolicyTest, got \"\" and \"\""},
		"other kind":           {"apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n", "suite.yaml:1:1: want apiVersion: countersign.dev/v1alpha1 and kind: PolicyTest, got \"countersign.dev/v1alpha1\" and \"AccessPolicy\""},
		"not YAML":             {"a: [", "suite.yaml:1:1: did not find expected node content"},
		"second document":      {suiteHead + "--- {}\n", `suite.yaml: more than one YAML document; part them by lines with "---" alone`},
		"no policy":            {"apiVersion: countersign.dev/v1alpha1\nkind: PolicyTest\ncases: [{name: a, object: o.yaml, want: deny}]\n", "suite.yaml:1:1: policies: Required value: name the files of the policy, relative to this one"},
		"no case":              {suiteHead, "suite.yaml:1:1: cases: Required value: a suite without a case tests nothing"},
		"empty list of cases":  {suiteHead + "cases: []\n", "suite.yaml:4:1: cases: Required value: a suite without a case tests nothing"},
		"unknown field":        {suiteHead + "case: []\n", `suite.yaml:4:1: unknown field "case"`},
		"unknown case field":   {one("  object: o.yaml\n  want: deny\n  wants: x\n"), `suite.yaml:8:3: unknown field "cases[0].wants"`},
		"unknown request":      {one("  namespace: x\n  request: {path: a/b, mount: c}\n  want: deny\n"), `suite.yaml:7:24: unknown field "cases[0].request.mount"`},
		"duplicate field":      {one("  want: deny\n  want: allow\n"), `suite.yaml:7:3: key "cases.0.want" is there already`},
		"text for a list":      {suiteHead + "cases: a\n", "suite.yaml:4:1: cases: a string stands where a list belongs"},
		"empty case":           {suiteHead + "cases: [null]\n", "suite.yaml:4:9: cases[0].name: Required value: say what holds\nsuite.yaml:4:9: cases[0].request: Required value: give one of request, object and manifest\nsuite.yaml:4:9: cases[0].want: Required value: say what the answer has to be: allow, audit, warn or deny"},
		"no want":              {one("  object: o.yaml\n"), "suite.yaml:5:3: cases[0].want: Required value: say what the answer has to be: allow, audit, warn or deny"},
		"other want":           {one("  object: o.yaml\n  want: maybe\n"), `suite.yaml:7:3: cases[0].want: Unsupported value: "maybe": supported values: "allow", "audit", "warn", "deny"`},
		"two inputs":           {one("  object: o.yaml\n  manifest: {}\n  want: deny\n"), "suite.yaml:5:3: cases[0].request: Required value: give one of request, object and manifest"},
		"manifest of null":     {one("  manifest: null\n  want: deny\n"), "suite.yaml:5:3: cases[0].request: Required value: give one of request, object and manifest"},
		"request of nobody":    {one("  request: {path: a/b}\n  want: deny\n"), "suite.yaml:5:3: cases[0].namespace: Required value: a request comes from a namespace"},
		"request for nothing":  {one("  namespace: x\n  request: {role: r}\n  want: deny\n"), "suite.yaml:7:3: cases[0].request.path: Required value: name the full Vault API path"},
		"operation":            {one("  namespace: x\n  request: {path: a/b, operation: list}\n  want: deny\n"), `suite.yaml:7:24: cases[0].request.operation: Unsupported value: "list": supported values: "read", "write"`},
		"regular expression":   {one("  object: o.yaml\n  want: deny\n  wantMessage: '('\n"), "suite.yaml:8:3: cases[0].wantMessage: Invalid value: \"(\": error parsing regexp: missing closing ): `(`"},
		"message when allowed": {one("  object: o.yaml\n  want: allow\n  wantMessage: x\n"), "suite.yaml:8:3: cases[0].wantMessage: Forbidden: whoever is allowed is told nothing"},
		"same name twice":      {one("  object: o.yaml\n  want: deny\n- {name: a, object: o.yaml, want: deny}\n"), `suite.yaml:8:4: cases[1].name: Duplicate value: "a"`},
		"mode":                 {suiteHead + "settings: {enforcement: {default: Maybe, namespaces: {x: Never}}, maxPaths: -1}\ncases: [{name: a, object: o.yaml, want: deny}]\n", "suite.yaml:4:26: settings.enforcement.default: Unsupported value: \"Maybe\": supported values: \"Enforce\", \"Warn\", \"Audit\"\nsuite.yaml:4:55: settings.enforcement.namespaces[x]: Unsupported value: \"Never\": supported values: \"Enforce\", \"Warn\", \"Audit\"\nsuite.yaml:4:67: settings.maxPaths: Invalid value: -1: must be positive"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			suite, err := ParseSuite(Origin{File: "suite.yaml"}, []byte(tc.text))
			var message string
			if err != nil {
				message = err.Error()
			}
			if diff := cmp.Diff(tc.want, message); diff != "" {
				t.Error(diff)
			}
			if (suite == nil) == (err == nil) {
				t.Error("a suite with an error, or none without")
			}
		})
	}
}

// A suite within a file is told by the lines of the file.
func TestParseSuiteKeepsItsPlace(t *testing.T) {
	suite, err := ParseSuite(Origin{File: "s.yaml", Line: 10}, []byte(suiteHead+"cases:\n- name: a\n  object: o.yaml\n  want: deny\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := suite.Problem("policies[0]", "x").String(), "s.yaml:13:12: x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := suite.Cases[0].Problem("object", "x").String(), "s.yaml:16:3: x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if file, line := suite.Cases[0].Place(); file != "s.yaml" || line != 15 {
		t.Errorf("the case stands at %s:%d", file, line)
	}
}

// claims plays the dialects: a request is a claim of one read, and the name of
// an object says what it asks.
func claims(c *Case) ([]Asked, error) {
	if c.Request != nil {
		return []Asked{{Claim: claim(c.Namespace, c.Request.Role, c.Request.Path)}}, nil
	}
	breakGlass := claim("team-a", "team-a-read", "secret/data/team-a/break-glass/x")
	switch c.Object {
	case "nothing":
		return nil, nil
	case "mixed":
		return []Asked{{Claim: claim("team-a", "team-a-read", "secret/data/team-a/x", "secret/data/shared/x/config")}, {Claim: claim("team-a", "team-a-read", "secret/data/team-a/old/x")}}, nil
	case "two reads denied":
		return []Asked{{Claim: claim("team-a", "team-a-read", "secret/data/team-a/break-glass/x", "legacy/payments/db")}}, nil
	case "unchanged":
		return []Asked{{Claim: breakGlass, Old: breakGlass}}, nil
	case "changed":
		return []Asked{{Claim: breakGlass, Old: claim("team-a", "team-a-read", "secret/data/team-a/x")}}, nil
	case "with labels":
		return []Asked{{Claim: with(claim("own", "payments-ro", "legacy/payments/db"), func(c *Claim) { c.AuthMount = "kubernetes-eu" }), Labels: map[string]string{"tier": "payments"}}}, nil
	case "with other labels":
		return []Asked{{Claim: with(claim("pay", "payments-ro", "legacy/payments/db"), func(c *Claim) { c.AuthMount = "kubernetes-eu" }), Labels: map[string]string{"tier": "web"}}}, nil
	case "problem":
		return []Asked{{Claim: with(claim("x", "r"), func(c *Claim) {
			c.Problems = field.ErrorList{field.Invalid(field.NewPath("spec", "data").Index(0), "v", "wrong")}
		})}}, nil
	}
	return nil, errors.New("no such object")
}

func TestSuiteRun(t *testing.T) {
	request := func(namespace, path, role string) string {
		return "namespace: " + namespace + ", request: {path: " + path + ", role: " + role + "}, "
	}
	own := request("team-a", "secret/data/team-a/x", "team-a-read")
	breakGlass := request("team-a", "secret/data/team-a/break-glass/x", "team-a-read")
	old := request("team-a", "secret/data/team-a/old/x", "team-a-read")
	type outcome struct {
		Got      Want
		Failures []string
	}
	pass := func(got Want) outcome { return outcome{Got: got} }
	tests := map[string]struct {
		fields string
		want   outcome
	}{
		"allowed":                     {own + "want: allow", pass(WantAllow)},
		"allowed by the rule":         {own + "want: allow, wantRule: own-tree", pass(WantAllow)},
		"by the rule of a ConfigMap":  {own + "want: allow, wantRule: cm/own-tree", pass(WantAllow)},
		"by another ConfigMap's":      {own + "want: allow, wantRule: other/own-tree", outcome{WantAllow, []string{`wantRule "other/own-tree", but "cm/own-tree" decided`}}},
		"by part of a name":           {own + "want: allow, wantRule: tree", outcome{WantAllow, []string{`wantRule "tree", but "cm/own-tree" decided`}}},
		"not denied":                  {own + "want: deny, wantMessage: x", outcome{WantAllow, []string{"want deny, got allow", `wantMessage "x" matches nothing that the user is told`}}},
		"message of another field":    {breakGlass + "want: deny, wantRule: no-break-glass, wantMessage: '^path.*: ask platform-security$'", outcome{WantDeny, []string{`wantMessage "^path.*: ask platform-security$" matches nothing that the user is told`}}},
		"denied with a message":       {breakGlass + "want: deny, wantMessage: '^spec\\.data\\[0\\]\\.key: .*: ask platform-security$'", pass(WantDeny)},
		"denied by default":           {request("other", "secret/data/x", "r") + "want: deny, wantRule: own-tree", outcome{WantDeny, []string{`wantRule "own-tree", but no rule decided`}}},
		"warned by a rule":            {old + "want: warn, wantRule: staged, wantMessage: old", pass(WantWarn)},
		"a warning is no allow":       {old + "want: allow", outcome{WantWarn, []string{"want allow, got warn"}}},
		"warned by the mode":          {request("team-warn", "secret/data/x", "r") + "want: warn", pass(WantWarn)},
		"audited":                     {request("team-b", "secret/data/team-b/watched", "team-b-read") + "want: audit, wantRule: watched", pass(WantAudit)},
		"labels of the suite":         {request("pay", "legacy/payments/db", "payments-ro") + "want: deny, wantMessage: auth mount", pass(WantDeny)},
		"labels of the object":        {"object: with labels, want: allow, wantRule: payments", pass(WantAllow)},
		"labels of the suite win":     {"object: with other labels, want: allow, wantRule: payments", pass(WantAllow)},
		"label that every one has":    {request("meta", "legacy/meta", "r") + "want: allow, wantRule: by-name-label", pass(WantAllow)},
		"nothing asked":               {"object: nothing, want: allow", pass(WantAllow)},
		"worst of several":            {"object: mixed, want: warn, wantRule: staged", pass(WantWarn)},
		"one of several rules":        {"object: two reads denied, want: deny, wantRule: no-break-glass, wantMessage: legacy/payments", pass(WantDeny)},
		"update that asks nothing":    {"object: unchanged, want: allow", pass(WantAllow)},
		"update that asks more":       {"object: changed, want: deny", pass(WantDeny)},
		"not even a claim":            {"object: problem, want: deny, wantMessage: 'spec\\.data\\[0\\]: .*wrong'", pass(WantDeny)},
		"no defaults of an operator":  {request("team-a", "secret/data/team-a/x", `""`) + "want: deny, wantMessage: name the Vault role", pass(WantDeny)},
		"path that is not canonical":  {request("team-a", "secret//data", "r") + "want: deny, wantMessage: canonical", pass(WantDeny)},
		"everything goes wrong, told": {breakGlass + "want: allow, wantRule: own-tree", outcome{WantDeny, []string{"want allow, got deny", `wantRule "own-tree", but "cm/no-break-glass" decided`}}},
	}
	compiled := mustCompile(t, testSettings(), testPolicy, `
apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
allow: [{name: by-name-label, namespaces: {matchLabels: {kubernetes.io/metadata.name: meta}}, paths: [legacy/meta], roles: [r]}]`)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			suite, err := ParseSuite(Origin{}, []byte(suiteHead+"namespaces: {pay: {labels: {tier: payments}}}\ncases: [{name: a, "+tc.fields+"}]\n"))
			if err != nil {
				t.Fatal(err)
			}
			results, err := suite.Run(compiled, claims)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, outcome{results[0].Got, results[0].Failures}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSuiteRunEndsWithTheErrorOfTheDialects(t *testing.T) {
	suite, err := ParseSuite(Origin{}, []byte(suiteHead+"cases: [{name: a, object: missing, want: deny}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := suite.Run(mustCompile(t, testSettings(), testPolicy), claims); err == nil {
		t.Error("no error")
	}
}

func TestCaseManifest(t *testing.T) {
	suite, err := ParseSuite(Origin{File: "s.yaml"}, []byte(suiteHead+"cases:\n- {name: a, want: deny, manifest: {kind: K, spec: {key: v}}}\n- {name: b, want: deny, object: o}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Kind string `json:"kind"`
	}
	err = suite.Cases[0].Manifest().Decode(&got)
	if want := `s.yaml:5:45: unknown field "spec"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if suite.Cases[1].Manifest() != nil {
		t.Error("a manifest where there is none")
	}
}

// FuzzParseSuite: whatever a file holds, it is a suite whose cases can be run,
// or a mistake with a place.
func FuzzParseSuite(f *testing.F) {
	f.Add(suiteHead + "cases: [{name: a, namespace: x, request: {path: secret/data/x}, want: deny}]\n")
	f.Add(suiteHead + "cases: [null]\n")
	f.Add("- a\n")
	compiled := mustCompile(f, testSettings(), testPolicy)
	f.Fuzz(func(t *testing.T, text string) {
		suite, err := ParseSuite(Origin{File: "s.yaml"}, []byte(text))
		if (suite == nil) == (err == nil) {
			t.Fatalf("suite %v with error %v", suite, err)
		}
		var problems Problems
		if err != nil {
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Errorf("not a problem: %v", err)
			}
			return
		}
		results, err := suite.Run(compiled, func(c *Case) ([]Asked, error) {
			request := c.Request
			if request == nil {
				_, line := c.Place()
				request = &Request{Path: c.Object, Role: string(rune('0' + line%10))}
			}
			return []Asked{{Claim: claim(c.Namespace, request.Role, request.Path)}}, nil
		})
		if err != nil || len(results) != len(suite.Cases) || len(results) == 0 {
			t.Errorf("%d results of %d cases, error %v", len(results), len(suite.Cases), err)
		}
	})
}
