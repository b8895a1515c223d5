package v1

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"unicode/utf8"
)

// A field of that very name goes before an expression; a property is text as it
// is, or JSON.
func TestProperty(t *testing.T) {
	vault := vaultOf{"secret/data/k": kv(`{"a.b": "literal", "a": {"b": "nested", "c": ["x", 2, null], "<&>": 1.50}, "t": true, "n": null, "i": 12345678901234567890, "f": 1.50, "e": 1e3, "s": "{\"in\": {\"z\": \"text\"}}", "u": "ü<", "list": [{"n": "one", "v": 1}, {"n": "two", "v": 2}]}`)}
	const whole = `{"a":{"\u003c\u0026\u003e":1.50,"b":"nested","c":["x",2,null]},"a.b":"literal","e":1e3,"f":1.50,"i":12345678901234567890,"list":[{"n":"one","v":1},{"n":"two","v":2}],"n":null,"s":"{\"in\": {\"z\": \"text\"}}","t":true,"u":"ü\u003c"}`
	tests := map[string]string{
		"":                   whole,
		"a.b":                "literal",
		"a.c":                `["x",2,null]`,
		"a.c.0":              "x",
		"a.c.1":              "2",
		"a.c.2":              "",
		"a.c.#":              "3",
		"a":                  `{"\u003c\u0026\u003e":1.50,"b":"nested","c":["x",2,null]}`,
		"t":                  "true",
		"n":                  "",
		"i":                  "12345678901234567890",
		"f":                  "1.50",
		"e":                  "1e3",
		"s":                  `{"in": {"z": "text"}}`,
		"s|@fromstr|in.z":    "text",
		"u":                  "ü<",
		`list.#(n=="two").v`: "2",
		"list.#.n":           `["one","two"]`,
		"@this.a.b":          "nested",
	}
	for property, want := range tests {
		t.Run(property, func(t *testing.T) {
			quoted, err := json.Marshal(property)
			if err != nil {
				t.Fatal(err)
			}
			rendering{spec: `"data": [{"secretKey": "x", "remoteRef": {"key": "k", "property": ` + string(quoted) + `}}]`, vault: vault, want: map[string]string{"x": want}}.test(t)
		})
	}
}

// Fields of an object are a Secret's keys. Their numbers are written as ESO does,
// which reads the JSON once more, but big whole numbers keep their digits.
func TestExtract(t *testing.T) {
	const from = `"dataFrom": [{"extract": {"key": "k"}}]`
	of := func(object string) vaultOf { return vaultOf{"secret/data/k": kv(object)} }
	testRenderings(t, map[string]rendering{
		"texts":            {spec: from, vault: of(`{"a": "x", "b": ""}`), want: map[string]string{"a": "x", "b": ""}},
		"null and boolean": {spec: from, vault: of(`{"a": null, "b": false}`), want: map[string]string{"a": "", "b": "false"}},
		"numbers":          {spec: from, vault: of(`{"a": 1.50, "b": 1e3, "c": 0, "d": -7, "e": 1e-7, "f": 2.5e21}`), want: map[string]string{"a": "1.5", "b": "1000", "c": "0", "d": "-7", "e": "0.0000001", "f": "2500000000000000000000"}},
		"big numbers":      {spec: from, vault: of(`{"a": 9007199254740993, "b": {"c": 12345678901234567890123}}`), want: map[string]string{"a": "9007199254740993", "b": `{"c":12345678901234567890123}`}},
		"beyond numbers":   {spec: from, vault: of(`{"a": 1e400}`), want: map[string]string{"a": "1e400"}},
		"nested":           {spec: from, vault: of(`{"a": {"z": 1.50, "b": ["<", 1e3, 1e-7, {"y": null}]}}`), want: map[string]string{"a": `{"b":["\u003c",1000,1e-7,{"y":null}],"z":1.5}`}},
		"of a property":    {spec: `"dataFrom": [{"extract": {"key": "k", "property": "in.ner"}}]`, vault: of(`{"in": {"ner": {"a": "x"}}}`), want: map[string]string{"a": "x"}},
		"of JSON as text":  {spec: `"dataFrom": [{"extract": {"key": "k", "property": "doc"}}]`, vault: of(`{"doc": "{\"a\": \"x\"}"}`), want: map[string]string{"a": "x"}},
		"of a text": {spec: `"dataFrom": [{"extract": {"key": "k", "property": "doc"}}]`, vault: of(`{"doc": "` + canary + `"}`),
			err: `spec.dataFrom[0].extract: Invalid value: "k": no JSON object, so that it has no fields; take it under data`},
		"of two texts": {spec: `"dataFrom": [{"extract": {"key": "k", "property": "doc"}}]`, vault: of(`{"doc": "{} {}"}`),
			err: `spec.dataFrom[0].extract: Invalid value: "k": no JSON object, so that it has no fields; take it under data`},
		"of a list": {spec: `"dataFrom": [{"extract": {"key": "k", "property": "doc"}}]`, vault: of(`{"doc": ["` + canary + `"]}`),
			err: `spec.dataFrom[0].extract: Invalid value: "k": no JSON object, so that it has no fields; take it under data`},
	})
}

// The version of a value is asked for, and the engine's version is noticed.
func TestEngines(t *testing.T) {
	const legacy = `, "sourceRef": {"storeRef": {"name": "legacy"}}}]`
	testRenderings(t, map[string]rendering{
		"version":         {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "version": "3", "property": "x"}}]`, vault: vaultOf{"secret/data/k?version=3": kv(`{"x": "old"}`)}, want: map[string]string{"a": "old"}},
		"version of all":  {spec: `"dataFrom": [{"extract": {"key": "k", "version": "3"}}]`, vault: vaultOf{"secret/data/k?version=3": kv(`{"x": "old"}`)}, want: map[string]string{"x": "old"}},
		"KV v1":           {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "x"}` + legacy, vault: vaultOf{"legacy/k": `{"x": "1"}`}, want: map[string]string{"a": "1"}},
		"KV v1 in whole":  {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k"}` + legacy, vault: vaultOf{"legacy/k": `{"x": 1, "data": {"y": "z"}}`}, want: map[string]string{"a": `{"data":{"y":"z"},"x":1}`}},
		"KV v1 after all": {spec: `"dataFrom": [{"extract": {"key": "k"}}]`, vault: vaultOf{"secret/data/k": `{"x": "` + canary + `"}`}, err: `spec.dataFrom[0].extract.key: Invalid value: "secret/data/k": not answered by a KV v2 engine; write version: v1 in the store`},
		"data of KV v1":   {spec: `"dataFrom": [{"extract": {"key": "k"}}]`, vault: vaultOf{"secret/data/k": `{"data": "` + canary + `"}`}, err: `spec.dataFrom[0].extract.key: Invalid value: "secret/data/k": not answered by a KV v2 engine; write version: v1 in the store`},
	})
}

// Metadata are the engine's own few, and the user's.
func TestMetadata(t *testing.T) {
	vault := vaultOf{"secret/metadata/k": `{"created_time": "2026", "current_version": 4, "delete_version_after": "0s", "max_versions": 9, "custom_metadata": {"owner": "a", "created_by": "b"}}`}
	const fetch = `"key": "k", "metadataPolicy": "Fetch"`
	testRenderings(t, map[string]rendering{
		"in whole":    {spec: `"data": [{"secretKey": "a", "remoteRef": {` + fetch + `}}]`, vault: vault, want: map[string]string{"a": `{"created_by":"b","created_time":"2026","current_version":"4","delete_version_after":"0s","owner":"a"}`}},
		"one":         {spec: `"data": [{"secretKey": "a", "remoteRef": {` + fetch + `, "property": "owner"}}]`, vault: vault, want: map[string]string{"a": "a"}},
		"all":         {spec: `"dataFrom": [{"extract": {` + fetch + `}}]`, vault: vault, want: map[string]string{"created_by": "b", "created_time": "2026", "current_version": "4", "delete_version_after": "0s", "owner": "a"}},
		"no such":     {spec: `"data": [{"secretKey": "a", "remoteRef": {` + fetch + `, "property": "max_versions"}}]`, vault: vault, err: `spec.data[0].remoteRef.property: Invalid value: "max_versions": no such field in "k"`},
		"of nothing":  {spec: `"data": [{"secretKey": "a", "remoteRef": {` + fetch + `}}], "target": {"deletionPolicy": "Merge"}`, vault: vaultOf{"secret/metadata/k": nothing}, want: map[string]string{}},
		"no own":      {spec: `"data": [{"secretKey": "a", "remoteRef": {` + fetch + `}}]`, vault: vaultOf{"secret/metadata/k": `{"created_time": "2026", "custom_metadata": null}`}, want: map[string]string{"a": `{"created_time":"2026"}`}},
		"policy None": {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "metadataPolicy": "None", "property": "x"}}]`, vault: vaultOf{"secret/data/k": kv(`{"x": "1"}`)}, want: map[string]string{"a": "1"}},
		"of KV v1":    {spec: `"data": [{"secretKey": "a", "remoteRef": {` + fetch + `}, "sourceRef": {"storeRef": {"name": "keyless"}}}]`, err: `spec.data[0].remoteRef.key: Invalid value: "k": write data/ after the mount; the store has no path`},
	})
}

// Null bytes are let through, or refused by the object's own word.
func TestNullBytes(t *testing.T) {
	vault := vaultOf{"secret/data/k": kv(`{"x": "` + canary + `\u0000"}`)}
	testRenderings(t, map[string]rendering{
		"default": {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "x"}}]`, vault: vault, want: map[string]string{"a": canary + "\x00"}},
		"ignored": {spec: `"dataFrom": [{"extract": {"key": "k", "nullBytePolicy": "Ignore"}}]`, vault: vault, want: map[string]string{"x": canary + "\x00"}},
		"refused": {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "x", "nullBytePolicy": "Fail"}}]`, vault: vault,
			err: `spec.data[0].remoteRef.nullBytePolicy: Invalid value: "Fail": the value has null bytes; store it as text, or leave the policy out`},
		"refused of all": {spec: `"dataFrom": [{"extract": {"key": "k", "nullBytePolicy": "Fail"}}]`, vault: vault,
			err: `spec.dataFrom[0].extract.nullBytePolicy: Invalid value: "Fail": the value has null bytes; store it as text, or leave the policy out`},
		"after decoding": {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "x", "nullBytePolicy": "Fail", "decodingStrategy": "Base64"}}]`, vault: vaultOf{"secret/data/k": kv(`{"x": "AAE="}`)},
			err: `spec.data[0].remoteRef.nullBytePolicy: Invalid value: "Fail": the value has null bytes; store it as text, or leave the policy out`},
		"escaped in the whole": {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "nullBytePolicy": "Fail"}}]`, vault: vault, want: map[string]string{"a": `{"x":"` + canary + `\u0000"}`}},
	})
}

// Any document and property give a value or an error, and a field's name gives
// the field.
func FuzzProperty(f *testing.F) {
	f.Add(`{"a": {"b": 1}}`, "a.b")
	f.Add(`{"a.b": "x"}`, "a.b")
	f.Add(`{"a": [1, {"n": 1.50}]}`, `a.#(n>1)`)
	f.Add(`{"a": "{\"b\": null}"}`, "a|@fromstr|b")
	f.Fuzz(func(t *testing.T, document, property string) {
		object, err := decodeObject([]byte(document))
		if err != nil || object == nil {
			return
		}
		fake := &fake{TB: t, vault: vaultOf{"secret/data/k": kv(document)}}
		ref := RemoteRef{Key: "k", Property: property}
		got, err := ref.read(t.Context(), fake.from(StoreRef{Name: "vault"}), specPath())
		text, isText := object[property].(string)
		if property != "" && isText && (err != nil || string(got) != text) {
			t.Errorf("%q of a field of that name, whose text is %q: %v", got, text, err)
		}
		ref.Property = ""
		whole, err := ref.read(t.Context(), fake.from(StoreRef{Name: "vault"}), specPath())
		again, parsed := decodeObject(whole)
		if err != nil || parsed != nil || !slices.Equal(slices.Sorted(maps.Keys(object)), slices.Sorted(maps.Keys(again))) && utf8.ValidString(document) {
			t.Errorf("%s is no document of the same fields: %v, %v", whole, err, parsed)
		}
	})
}
