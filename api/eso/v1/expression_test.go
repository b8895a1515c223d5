package v1

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What an expression makes of a document, or why it is not evaluated: it must
// not make much of little.
func TestEvaluate(t *testing.T) {
	small, large := `{"a":{"b":"x"},"l":[{"n":"1","v":2},{"n":"3","v":4}],"@dig":"y"}`, `{"a":"`+strings.Repeat(canary, 10000)+`"}`
	const notOffered, tooMuch = "@dig, @group and @pretty are not offered, as they make much of little; name the fields", "it may make more than a Secret holds; name the fields"
	tests := map[string]struct{ document, expression, want, problem string }{
		"a path":                   {small, "a.b", "x", ""},
		"of a list":                {small, "l.#.n", `["1","3"]`, ""},
		"what is built":            {small, "{a.b,n:l.0.n}", `{"b":"x","n":"1"}`, ""},
		"in another":               {small, "l.#.{n,w:[v,v]}", `[{"n":"1","w":[2,2]},{"n":"3","w":[4,4]}]`, ""},
		"a modifier":               {small, "a|@keys", `["b"]`, ""},
		"with an argument":         {small, `l|@reverse|0.n`, "3", ""},
		"to text":                  {small, "a|@tostr", `{"b":"x"}`, ""},
		"nothing":                  {small, "z", "", ""},
		"found deep down":          {small, "@dig:b", "", notOffered},
		"after a pipe":             {small, `a|@pretty:{"indent":"xxxxxxxx"}`, "", notOffered},
		"grouped":                  {small, "[@group]", "", notOffered},
		"doubled":                  {small, strings.Repeat("[@this,@this]|", 30) + "@this", "", tooMuch},
		"escaped":                  {small, strings.Repeat("@tostr|", 30) + "@this", "", tooMuch},
		"repeated":                 {large, "[" + strings.Repeat("a,", 500) + "a]", "", tooMuch},
		"too long":                 {small, strings.Repeat("a", maxExpression+1), "", "longer than 1024 bytes"},
		"as long as it may be":     {small, strings.Repeat("a", maxExpression), "", ""},
		"a large one, taken whole": {large, "a", strings.Repeat(canary, 10000), ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, _, err := evaluate([]byte(tc.document), tc.expression)
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.problem, message(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A field of that very name is no expression.
func TestPropertyThatLooksLikeAnExpression(t *testing.T) {
	vault := vaultOf{"secret/data/k": kv(`{"@dig": "x", "` + strings.Repeat("k", 2000) + `": "y"}`)}
	for property, want := range map[string]string{"@dig": "x", strings.Repeat("k", 2000): "y"} {
		t.Run(property[:4], rendering{spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "` + property + `"}}]`, vault: vault, want: map[string]string{"a": want}}.test)
	}
	t.Run("and is none", rendering{spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "@dig:x"}}]`, vault: vaultOf{"secret/data/k": kv(`{"x": "` + canary + `"}`)},
		err: `spec.data[0].remoteRef.property: Invalid value: "@dig:x": @dig, @group and @pretty are not offered, as they make much of little; name the fields`}.test)
}

// Whatever the expression, what it makes is bounded.
func FuzzEvaluate(f *testing.F) {
	for _, expression := range []string{"a.b", "[a,a]|[@this,@this]", "@tostr|@tostr", `l.#(n=="1").v`, "{a,b:[l,l]}", `l|@flatten:{"deep":true}`, "@values|@join", "..1"} {
		f.Add(`{"a":{"b":"x"},"l":[{"n":"1","v":2},[3,[4]]]}`, expression)
	}
	f.Fuzz(func(t *testing.T, document, expression string) {
		object, err := decodeObject([]byte(document))
		if err != nil || object == nil {
			return
		}
		text, _, err := evaluate([]byte(document), expression)
		if len(text) > maxEvaluated || err != nil && len(text) > 0 {
			t.Errorf("%d bytes of %d, %v", len(text), len(document), err)
		}
		plain := !strings.ContainsAny(expression, "[{@!")
		if plain && len(text) > 3*len(document)+20 {
			t.Errorf("%d bytes of %d without anything that is built", len(text), len(document))
		}
	})
}
