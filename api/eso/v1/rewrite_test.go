package v1

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/api/eso/v1/template"
)

// rewritten is a spec of dataFrom that rewrites the fields of one secret.
func rewritten(steps string) string {
	return `"dataFrom": [{"extract": {"key": "k"}, "rewrite": [` + steps + `]}]`
}

// Keys are rewritten in steps, and not converted besides.
func TestRewriteKeys(t *testing.T) {
	vault := vaultOf{"secret/data/k": kv(`{"DB_USER": "u", "DB_PASS": "` + canary + `"}`)}
	both := func(user, pass string) map[string]string { return map[string]string{user: "u", pass: canary} }
	testRenderings(t, map[string]rendering{
		"regexp":            {spec: rewritten(`{"regexp": {"source": "^DB_(.*)$", "target": "db.$1"}}`), vault: vault, want: both("db.USER", "db.PASS")},
		"nothing matches":   {spec: rewritten(`{"regexp": {"source": "x", "target": "y"}}`), vault: vault, want: both("DB_USER", "DB_PASS")},
		"each match":        {spec: rewritten(`{"regexp": {"source": "S", "target": "s"}}`), vault: vault, want: both("DB_UsER", "DB_PAss")},
		"transform":         {spec: rewritten(`{"transform": {"template": "{{ .value | lower | replace \"_\" \"-\" }}"}}`), vault: vault, want: both("db-user", "db-pass")},
		"another value":     {spec: rewritten(`{"transform": {"template": "{{ .value }}{{ if .other }}x{{ end }}"}}`), vault: vault, want: both("DB_USER", "DB_PASS")},
		"one after another": {spec: rewritten(`{"regexp": {"source": "DB", "target": "x"}}, {"transform": {"template": "y{{ .value }}"}}, {"regexp": {"source": "^yx", "target": "z"}}`), vault: vault, want: both("z_USER", "z_PASS")},
		"none":              {spec: rewritten(``), vault: vault, want: both("DB_USER", "DB_PASS")},
		"an empty step":     {spec: rewritten(`{}`), vault: vault, want: both("DB_USER", "DB_PASS")},
		"to nothing":        {spec: rewritten(`{"transform": {"template": "{{ if contains \"USER\" .value }}user{{ end }}"}}`), vault: vault, want: map[string]string{"user": "u"}},
		"all to nothing":    {spec: rewritten(`{"regexp": {"source": ".*", "target": ""}}`), vault: vault, err: `spec: Required value: nothing of what is asked for has a field; a Secret is not emptied`},
		"two become one":    {spec: rewritten(`{"regexp": {"source": "_.*", "target": ""}}`), vault: vault, err: `spec.dataFrom[0].rewrite[0].regexp: Invalid value: "": two keys become "DB", and one value would be lost`},
		"no key":            {spec: rewritten(`{"regexp": {"source": "_", "target": "/"}}`), vault: vault, err: `spec.dataFrom[0]: Invalid value: "DB/PASS": cannot be a key of a Secret; rewrite it to at most 253 letters, digits, '-', '.' and '_'`},
		"no regexp":         {spec: rewritten(`{"regexp": {"source": "(", "target": "/"}}`), vault: vault, err: `spec.dataFrom[0].rewrite[0].regexp.source: Invalid value: "(": no regular expression of Go`},
		"not converted": {spec: `"dataFrom": [{"extract": {"key": "k", "conversionStrategy": "Unicode"}, "rewrite": [{"regexp": {"source": "x", "target": ""}}]}]`, vault: vaultOf{"secret/data/k": kv(`{"a/b": "x"}`)},
			err: `spec.dataFrom[0]: Invalid value: "a/b": cannot be a key of a Secret; rewrite it to at most 253 letters, digits, '-', '.' and '_'`},
		"of what is found": {spec: `"dataFrom": [{"find": {"path": "app"}, "rewrite": [{"regexp": {"source": "^app/", "target": ""}}]}]`,
			vault: vaultOf{"list secret/metadata/app": keys("db"), "secret/data/app/db": kv(`{"x": "1"}`)}, want: map[string]string{"db": `{"x":"1"}`}},
		"before decoding": {spec: `"dataFrom": [{"extract": {"key": "k", "decodingStrategy": "Base64"}, "rewrite": [{"regexp": {"source": "a", "target": "b"}}]}]`, vault: vaultOf{"secret/data/k": kv(`{"a": "eA=="}`)}, want: map[string]string{"b": "x"}},
	})
}

// Values that are objects give their fields, or one object of them all. The last
// one wins where the object says so.
func TestMerge(t *testing.T) {
	vault := vaultOf{"secret/data/k": kv(`{"a": {"x": "a", "n": 1.50}, "b": "{\"x\": \"b\", \"h\": \"<\"}", "c": {"y": [1e3, 12345678901234567890]}}`)}
	clash := vaultOf{"secret/data/k": kv(`{"a": {"x": "` + canary + `"}, "b": {"x": "y"}}`)}
	const ignore = `"conflictPolicy": "Ignore"`
	merge := func(of string) string { return rewritten(`{"merge": {` + of + `}}`) }
	testRenderings(t, map[string]rendering{
		"the last":   {spec: merge(ignore), vault: vault, want: map[string]string{"x": "b", "n": "1.5", "h": "<", "y": "[1000,12345678901234567890]"}},
		"extract":    {spec: merge(ignore + `, "strategy": "Extract"`), vault: vault, want: map[string]string{"x": "b", "n": "1.5", "h": "<", "y": "[1000,12345678901234567890]"}},
		"priority":   {spec: merge(ignore + `, "priority": ["a"]`), vault: vault, want: map[string]string{"x": "a", "n": "1.5", "h": "<", "y": "[1000,12345678901234567890]"}},
		"priorities": {spec: merge(ignore + `, "priority": ["b", "a", "c"]`), vault: vault, want: map[string]string{"x": "a", "n": "1.5", "h": "<", "y": "[1000,12345678901234567890]"}},
		"into JSON": {spec: merge(ignore + `, "strategy": "JSON", "into": "all"`), vault: vault,
			want: map[string]string{"a": `{"n":1.5,"x":"a"}`, "b": `{"x": "b", "h": "<"}`, "c": `{"y":[1000,12345678901234567890]}`, "all": `{"h":"<","n":1.5,"x":"b","y":[1000,12345678901234567890]}`}},
		"into one of them": {spec: merge(ignore + `, "strategy": "JSON", "into": "b"`), vault: vault,
			want: map[string]string{"a": `{"n":1.5,"x":"a"}`, "c": `{"y":[1000,12345678901234567890]}`, "b": `{"h":"<","n":1.5,"x":"b","y":[1000,12345678901234567890]}`}},
		"into nothing":             {spec: merge(ignore + `, "strategy": "JSON"`), vault: vault, err: `spec.dataFrom[0].rewrite[0].merge.into: Required value: name the key that gets the JSON`},
		"conflict":                 {spec: merge(``), vault: clash, err: `spec.dataFrom[0].rewrite[0].merge.conflictPolicy: Invalid value: "": several values have x; write Ignore to have the last of them`},
		"conflict, and so it says": {spec: merge(`"conflictPolicy": "Error"`), vault: clash, err: `spec.dataFrom[0].rewrite[0].merge.conflictPolicy: Invalid value: "Error": several values have x; write Ignore to have the last of them`},
		"priority of none":         {spec: merge(ignore + `, "priority": ["z"]`), vault: clash, err: `spec.dataFrom[0].rewrite[0].merge: Invalid value: "z": no such key; write priorityPolicy: IgnoreNotFound to go on without it`},
		"strict":                   {spec: merge(ignore + `, "priority": ["z"], "priorityPolicy": "Strict"`), vault: clash, err: `spec.dataFrom[0].rewrite[0].merge: Invalid value: "z": no such key; write priorityPolicy: IgnoreNotFound to go on without it`},
		"priority if at all":       {spec: merge(ignore + `, "priority": ["z", "a"], "priorityPolicy": "IgnoreNotFound"`), vault: clash, want: map[string]string{"x": canary}},
		"a text":                   {spec: merge(``), vault: vaultOf{"secret/data/k": kv(`{"a": "` + canary + `"}`)}, err: `spec.dataFrom[0].rewrite[0].merge: Invalid value: "a": the value is no JSON object`},
		"null":                     {spec: merge(``), vault: vaultOf{"secret/data/k": kv(`{"a": "null", "b": {"x": null}}`)}, want: map[string]string{"x": ""}},
		"and then rewritten":       {spec: rewritten(`{"merge": {"conflictPolicy": "Ignore"}}, {"regexp": {"source": "^", "target": "k_"}}`), vault: clash, want: map[string]string{"k_x": "y"}},
		"of what is found": {spec: `"dataFrom": [{"find": {"path": "app"}, "rewrite": [{"merge": {"conflictPolicy": "Ignore", "priority": ["app/a"]}}]}]`,
			vault: vaultOf{"list secret/metadata/app": keys("a", "b"), "secret/data/app/a": kv(`{"x": "a"}`), "secret/data/app/b": kv(`{"x": "b", "y": 2}`)}, want: map[string]string{"x": "a", "y": "2"}},
	})
}

// A template that does not end is stopped.
func TestTransformBudget(t *testing.T) {
	fake := &fake{TB: t, vault: vaultOf{"secret/data/k": kv(`{"` + canary + `": "x"}`)}}
	_, err := fake.render(rewritten(`{"transform": {"template": "{{ repeat 2000000000 .value }}"}}`))
	if err == nil || !strings.HasPrefix(err.Error(), "spec.dataFrom[0].rewrite[0].transform.template: ") {
		t.Error(err)
	}
}

// A step is an error, or has each value under one key; the same steps make the
// same.
func FuzzRewrite(f *testing.F) {
	f.Add(`{"a": "1", "b": "2"}`, `[{"regexp": {"source": "^(.)$", "target": "k-$1"}}]`)
	f.Add(`{"a": "1", "b": "2"}`, `[{"transform": {"template": "{{ .value | upper }}"}}]`)
	f.Add(`{"a": "{\"x\": 1e3}", "b": "{\"x\": null}"}`, `[{"merge": {"conflictPolicy": "Ignore", "priority": ["a"], "strategy": "JSON", "into": "b"}}]`)
	f.Add(`{"a": "{}"}`, `[{"merge": {}}, {"regexp": {"source": "(", "target": ""}}]`)
	f.Fuzz(func(t *testing.T, document, text string) {
		var texts map[string]string
		var steps []Rewrite
		if json.Unmarshal([]byte(document), &texts) != nil || json.Unmarshal([]byte(text), &steps) != nil {
			return
		}
		values := map[string][]byte{}
		for key, value := range texts {
			values[key] = []byte(value)
		}
		before := maps.Clone(values)
		first, err := rewrite(steps, values, template.NewBudget(), specPath())
		second, again := rewrite(steps, values, template.NewBudget(), specPath())
		if diff := cmp.Diff(first, second); diff != "" || message(err) != message(again) {
			t.Errorf("not the same twice: %s %v %v", diff, err, again)
		}
		if diff := cmp.Diff(before, values); diff != "" {
			t.Errorf("the values changed: %s", diff)
		}
		merges := slices.ContainsFunc(steps, func(step Rewrite) bool { return step.Merge != nil })
		if _, dropped := first[""]; err == nil && !merges && !dropped && len(first) != len(values) {
			t.Errorf("%d values of %d", len(first), len(values))
		}
		for key := range first {
			if merges && utf8.ValidString(document+text) && !utf8.ValidString(key) {
				t.Errorf("%q is no text", key)
			}
		}
	})
}
