package v1

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What expressions make, and how it is merged: values win over template data,
// stringData over both, and no expression sees what another one has made.
func TestTemplateExpressions(t *testing.T) {
	const head = "backendType: vault\ndataFrom: [kv/data/a]\ntemplate:\n"
	secret := map[string]string{"kv/data/a": v2(`{"user":"u","password":"pä$$","encoded":"cGxhaW4=","json":"{\"host\":\"h\",\"port\":5432}"}`)}
	values := map[string]string{"user": "u", "password": "pä$$", "encoded": "cGxhaW4=", "json": `{"host":"h","port":5432}`}
	tests := map[string]struct {
		template     string
		want, errors map[string]string
	}{
		"configuration file of three values": {"  stringData:\n    app.conf: |\n      [db]\n      url = postgres://<%= data.user %>:${data.password}@<%= JSON.parse(data.json).host %>:${JSON.parse(data.json).port}\n",
			map[string]string{"app.conf": "[db]\nurl = postgres://u:pä$$@h:5432"}, nil},
		"stringData replaces the value that it is made of": {"  stringData: {user: '<<%= data.user %>>', copy: '${data.user}'}",
			map[string]string{"user": "<u>", "copy": "u"}, nil},
		"template data is base64 once it is rendered": {"  data: {decoded: '<%= data.encoded %>', mixed: 'YQ${\"==\"}', literal: 'eA==', wrapped: \"cGxh\\naW4${'='}\\n\"}",
			map[string]string{"decoded": "plain", "mixed": "a", "literal": "x", "wrapped": "plain"}, nil},
		"template data never replaces a value": {"  data: {user: '<%= data.encoded %>'}", map[string]string{}, nil},
		"what is made is no data": {"  stringData: {made: 'x', other: '<%= data.made || \"none\" %>'}",
			map[string]string{"made": "x", "other": "none"}, nil},
		"errors of all fields": {"  data: {a: '<%= data.password %>', b: '<%= data.nope %>'}\n  stringData: {c: \"x\\n<%= JSON.parse(data.password) %>\"}", nil,
			map[string]string{
				"spec.template.data[a]":       `Invalid value: "": not base64; write plain text under stringData`,
				"spec.template.data[b]":       `Invalid value: "": 1:10: no such key "nope"`,
				"spec.template.stringData[c]": `Invalid value: "": 2:5: JSON.parse: malformed JSON at byte 1`,
			}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			content, errs := externalSecret(t, head+tc.template).Render(answers(t, secret))
			told := map[string]string{}
			for _, err := range errs {
				told[err.Field] = err.ErrorBody()
			}
			if diff := cmp.Diff(tc.errors, told); diff != "" && len(errs)+len(tc.errors) > 0 {
				t.Error(diff)
			}
			if content == nil {
				return
			}
			got := map[string]string{}
			for key, value := range content.Data {
				if values[key] != string(value) {
					got[key] = string(value)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A value that is no text is kept as it is, and no expression may use it.
func TestTemplateOfBinaryValues(t *testing.T) {
	const spec = "backendType: vault\ndata: [{key: kv/data/a, name: key, property: p, isBinary: true}]\ntemplate: {stringData: {a: "
	vault := answers(t, map[string]string{"kv/data/a": v2(`{"p":"/v9jYW5hcnk="}`)})
	content, errs := externalSecret(t, spec+"'<%= 1 %>'}}").Render(vault)
	if len(errs) > 0 || string(content.Data["key"]) != "\xfe\xffcanary" {
		t.Errorf("%v, %v", content, errs)
	}
	_, errs = externalSecret(t, spec+"'<%= data.key %>'}}").Render(vault)
	want := `spec.template.stringData[a]: Invalid value: "": 1:10: the value is not text (UTF-8)`
	if len(errs) != 1 || errs[0].Error() != want {
		t.Errorf("%v, want %s", errs, want)
	}
}

// No error of any expression holds a value.
func TestTemplateErrorsHoldNoValue(t *testing.T) {
	vault := answers(t, map[string]string{"kv/data/a": v2(`{"a":"canary","json":"{\"canary\":\"canary\"","b":"{\"canary\":\"canary\"}"}`)})
	expressions := []string{
		"JSON.parse(data.a)", "JSON.parse(data.json)", "yaml.load(data.json)", "yaml.load(data.a)[data.a]", "data[data.a]", "JSON.parse(data.b)[data.a].x",
		"data.a < 1", "data.a == 1", "data.a.x", "JSON.parse(data.b)", "JSON.parse(data.b) + 1", "'' + null + data.a", "JSON.parse(yaml.dump(data.a))", "data.nope[data.a]",
	}
	for _, field := range []string{"data", "stringData"} {
		for _, expression := range expressions {
			_, errs := externalSecret(t, "backendType: vault\ndataFrom: [kv/data/a]\ntemplate:\n  "+field+":\n    k: |\n      <%= "+expression+" %>\n").Render(vault)
			if len(errs) == 0 || strings.Contains(errs.ToAggregate().Error(), "canary") {
				t.Errorf("%s: %v", expression, errs)
			}
		}
	}
	_, errs := externalSecret(t, "backendType: vault\ndataFrom: [kv/data/a]\ntemplate: {data: {k: '<%= data.a %>!'}}").Render(vault)
	if len(errs) != 1 || strings.Contains(errs[0].Error(), "canary") {
		t.Errorf("%v", errs)
	}
}

// The example of the docs does what it says.
func TestTemplateOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../../docs/kes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ := strings.Cut(section, "```")
	vault := answers(t, map[string]string{"kv/data/a": v2(`{"user":"u","password":"p","db":{"hosts":["h"],"pool":20},"settings":{"a":[1,"b"]}}`)})
	content, errs := externalSecret(t, "backendType: vault\ndataFrom: [kv/data/a]\n"+example).Render(vault)
	if len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	want := map[string]string{
		"app.conf":      "url = postgres://u:p@h/app\nlevel = info\npool = large\n",
		"settings.yaml": "a:\n  - 1\n  - b\n",
	}
	for key, text := range want {
		if diff := cmp.Diff(text, string(content.Data[key])); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
}
