package v1

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/api"
)

func externalSecret(t testing.TB, spec string) *ExternalSecret {
	t.Helper()
	object := &ExternalSecret{}
	object.Name, object.Namespace = "app", "team-a"
	if err := yaml.UnmarshalStrict([]byte("spec:\n"+indent(spec)), object); err != nil {
		t.Fatal(err)
	}
	return object
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

// answers decodes what Vault answered, numbers as they were written.
func answers(t testing.TB, byPath map[string]string) api.Values {
	t.Helper()
	values := api.Values{}
	for path, text := range byPath {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		answer := map[string]any{}
		if err := decoder.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		values[addressOf(path)] = answer
	}
	return values
}

func v2(data string) string {
	return `{"data":` + data + `,"metadata":{"version":3,"created_time":"2026-01-01T00:00:00Z","destroyed":false}}`
}

// The values of kes-vault: what each kind of value becomes, and which wins.
func TestRender(t *testing.T) {
	tests := map[string]struct {
		spec   string
		vault  map[string]string
		want   map[string]string
		errors []string
	}{
		"property": {
			"backendType: vault\ndata: [{key: kv/data/a, name: out, property: test}]",
			map[string]string{"kv/data/a": v2(`{"test":"s3cret"}`)}, map[string]string{"out": "s3cret"}, nil},
		"whole secret": {
			"backendType: vault\ndata: [{key: kv/data/a, name: out}]",
			map[string]string{"kv/data/a": v2(`{"user":"a","pass":"<b>&"}`)}, map[string]string{"out": `{"pass":"<b>&","user":"a"}`}, nil},
		"literal key wins over the path": {
			"backendType: vault\ndata: [{key: kv/data/a, name: out, property: cert.p12}]",
			map[string]string{"kv/data/a": v2(`{"cert.p12":"literal","cert":{"p12":"path"}}`)}, map[string]string{"out": "literal"}, nil},
		"nested path": {
			`{backendType: vault, data: [{key: kv/data/a, name: out, property: 'db.users[1].name'}, {key: kv/data/a, name: quoted, property: 'db["x.y"]'}]}`,
			map[string]string{"kv/data/a": v2(`{"db":{"users":[{"name":"x"},{"name":"y"}],"x.y":"z"}}`)}, map[string]string{"out": "y", "quoted": "z"}, nil},
		"values that are not strings": {
			`{backendType: vault, dataFrom: [kv/data/a]}`,
			map[string]string{"kv/data/a": v2(`{"n":5,"f":1.50,"big":12345678901234567890,"b":true,"z":null,"o":{"y":1,"x":[1, 2]},"u":"héé"}`)},
			map[string]string{"n": "5", "f": "1.50", "big": "12345678901234567890", "b": "true", "z": "null", "o": `{"x":[1,2],"y":1}`, "u": "héé"}, nil},
		"binary": {
			"backendType: vault\ndata: [{key: kv/data/a, name: out, property: p, isBinary: true}, {key: kv/data/a, name: num, property: num, isBinary: true}]",
			map[string]string{"kv/data/a": v2(`{"p":"AAEC","num":7}`)}, map[string]string{"out": "\x00\x01\x02", "num": "7"}, nil},
		"later wins": {
			"backendType: vault\ndataFrom: [kv/data/a]\ndataFromWithOptions: [{key: kv/data/b}]\ndata: [{key: kv/data/c, name: x, property: x}]",
			map[string]string{"kv/data/a": v2(`{"x":"1","y":"1","z":"1"}`), "kv/data/b": v2(`{"x":"2","y":"2"}`), "kv/data/c": v2(`{"x":"3"}`)},
			map[string]string{"x": "3", "y": "2", "z": "1"}, nil},
		"KV v1": {
			"backendType: vault\nkvVersion: 1\ndata: [{key: kv/a, name: out, property: p}]",
			map[string]string{"kv/a": `{"p":"v"}`}, map[string]string{"out": "v"}, nil},
		"pinned versions are two reads": {
			"backendType: vault\ndata: [{key: 'kv/data/a?version=1', name: old, property: p}, {key: kv/data/a, name: new, property: p}]",
			map[string]string{"kv/data/a?version=1": v2(`{"p":"1"}`), "kv/data/a": v2(`{"p":"2"}`)}, map[string]string{"old": "1", "new": "2"}, nil},
		"template data never replaces a value, stringData does": {
			"backendType: vault\ndataFrom: [kv/data/a]\ntemplate: {data: {x: dHBs, t: dHBs}, stringData: {own: own}}",
			map[string]string{"kv/data/a": v2(`{"x":"1","own":"1"}`)}, map[string]string{"x": "1", "t": "tpl", "own": "own"}, nil},

		"one of two secrets is empty": {
			"backendType: vault\ndataFrom: [kv/data/a, kv/data/b]",
			map[string]string{"kv/data/a": v2(`{}`), "kv/data/b": v2(`{"x":""}`)}, map[string]string{"x": ""}, nil},

		"empty secret": {
			"backendType: vault\ndataFrom: [kv/data/a]\ntemplate: {stringData: {a: b}}",
			map[string]string{"kv/data/a": v2(`{}`)}, nil,
			[]string{"spec: Required value: the secret has no field; a Secret is not emptied"}},
		"missing property": {
			"backendType: vault\ndata: [{key: kv/data/a, name: out, property: nope}]",
			map[string]string{"kv/data/a": v2(`{"test":"canary"}`)}, nil,
			[]string{`spec.data[0].property: Invalid value: "nope": no such field in "kv/data/a"`}},
		"inherited property of JavaScript": {
			"backendType: vault\ndata: [{key: kv/data/a, name: out, property: toString}]",
			map[string]string{"kv/data/a": v2(`{}`)}, nil,
			[]string{`spec.data[0].property: Invalid value: "toString": no such field in "kv/data/a"`}},
		"not base64": {
			"backendType: vault\ndata: [{key: kv/data/a, name: out, property: p, isBinary: true}]",
			map[string]string{"kv/data/a": v2(`{"p":"@@canary"}`)}, nil,
			[]string{"spec.data[0].isBinary: Invalid value: true: the value is not base64: illegal base64 data at input byte 0"}},
		"KV v1 read as v2": {
			"backendType: vault\ndata: [{key: kv/a, name: out, property: p}]",
			map[string]string{"kv/a": `{"p":"canary"}`}, nil,
			[]string{`spec.kvVersion: Invalid value: 2: "kv/a" is not answered by a KV v2 engine; write kvVersion: 1`}},
		"KV v2 read as v1": {
			"backendType: vault\nkvVersion: 1\ndata: [{key: kv/data/a, name: out, property: data.p}]",
			map[string]string{"kv/data/a": v2(`{"p":"canary"}`)}, nil,
			[]string{`spec.kvVersion: Invalid value: 1: "kv/data/a" is answered by a KV v2 engine; write kvVersion: 2, or leave it out`}},
		"deleted version": {
			"backendType: vault\ndataFrom: [kv/data/a]",
			map[string]string{"kv/data/a": v2(`null`)}, nil,
			[]string{`spec.dataFrom[0]: Invalid value: "kv/data/a": this version of the secret is deleted`}},
		"field that cannot be a key": {
			"backendType: vault\ndataFrom: [kv/data/a]",
			map[string]string{"kv/data/a": v2(`{"a b":"canary"}`)}, nil,
			[]string{`spec.dataFrom[0]: Invalid value: "kv/data/a": field "a b" cannot be a key of a Secret: a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`}},
		"path that was not read": {
			"backendType: vault\ndataFrom: [kv/data/a]", nil, nil,
			[]string{`spec.dataFrom[0]: Not found: "kv/data/a"`}},
		"template that does not pass": {
			"backendType: vault\ndataFrom: [kv/data/a]\ntemplate: {spec: {}}",
			map[string]string{"kv/data/a": v2(`{"a":"canary"}`)}, nil,
			[]string{"spec.template.spec: Forbidden: a Secret's template has type, metadata, data, stringData and immutable"}},
		"too large": {
			"backendType: vault\ndataFrom: [kv/data/a]",
			map[string]string{"kv/data/a": v2(`{"a":"` + strings.Repeat("x", api.MaxSecretBytes+1) + `"}`)}, nil,
			[]string{`spec: Invalid value: "1048577 bytes": a Secret holds at most 1 MiB of data`}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			content, errs := externalSecret(t, tc.spec).Render(answers(t, tc.vault))
			var got map[string]string
			if content != nil {
				got = map[string]string{}
				for key, value := range content.Data {
					got[key] = string(value)
				}
			}
			var messages []string
			for _, err := range errs {
				messages = append(messages, err.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.errors, messages); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(strings.Join(messages, ""), "canary") {
				t.Error("a value stands in an error")
			}
		})
	}
}

func TestTemplateMetadata(t *testing.T) {
	object := externalSecret(t, `
backendType: vault
dataFrom: [kv/data/a]
type: kubernetes.io/basic-auth
template:
  apiVersion: v9
  kind: Pod
  type: example.com/x
  immutable: true
  metadata:
    name: other
    labels: {a: b}
    annotations:
      ts: 2021-09-25T16:13:32.00Z
      commit-hash: d4f0a2db0dde69771e65d66cad3d77227832bd76
`)
	content, errs := object.Render(answers(t, map[string]string{"kv/data/a": v2(`{"x":"1"}`)}))
	if len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	immutable := true
	want := &api.Content{
		Type: "example.com/x", Labels: map[string]string{"a": "b"}, Immutable: &immutable,
		Annotations: map[string]string{"ts": "2021-09-25T16:13:32.00Z", "commit-hash": "d4f0a2db0dde69771e65d66cad3d77227832bd76"},
		Data:        map[string][]byte{"x": []byte("1")},
	}
	if diff := cmp.Diff(want, content); diff != "" {
		t.Error(diff)
	}
}
