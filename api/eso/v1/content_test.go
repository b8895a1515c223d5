package v1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/api"
)

// templated is a spec with two values, a and b, and a target.
func templated(target string) string {
	return `"dataFrom": [{"extract": {"key": "k"}}], "target": {` + target + `}`
}

// valuesAB are those two.
func valuesAB() vaultOf { return vaultOf{"secret/data/k": kv(`{"a": "1", "b": "` + canary + `"}`)} }

// A template makes the data, with the values or in their place.
func TestTemplateData(t *testing.T) {
	of := func(template string) string { return templated(`"template": {` + template + `}`) }
	testRenderings(t, map[string]rendering{
		"in place of the values":       {spec: of(`"data": {"c": "<{{ .a }}>"}`), vault: valuesAB(), want: map[string]string{"c": "<1>"}},
		"replaced":                     {spec: of(`"mergePolicy": "Replace", "data": {"c": "x"}`), vault: valuesAB(), want: map[string]string{"c": "x"}},
		"beside the values":            {spec: of(`"mergePolicy": "Merge", "data": {"c": "{{ .a }}", "a": "{{ .a }}{{ .a }}"}`), vault: valuesAB(), want: map[string]string{"a": "11", "b": canary, "c": "1"}},
		"without data":                 {spec: of(`"type": "Opaque"`), vault: valuesAB(), want: map[string]string{"a": "1", "b": canary}},
		"a function":                   {spec: of(`"data": {"c": "{{ .b | b64enc | trunc 4 }}"}`), vault: valuesAB(), want: map[string]string{"c": "Y2Fu"}},
		"a key with a dot":             {spec: of(`"data": {"c": "{{ index . \"a.b\" }}"}`), vault: vaultOf{"secret/data/k": kv(`{"a.b": "x"}`)}, want: map[string]string{"c": "x"}},
		"bytes that are no text":       {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "x", "decodingStrategy": "Base64"}}], "target": {"template": {"data": {"c": "{{ .a }}"}}}`, vault: vaultOf{"secret/data/k": kv(`{"x": "/wD+"}`)}, want: map[string]string{"c": "\xff\x00\xfe"}},
		"of a value that is not there": {spec: of(`"data": {"c": "{{ .missing }}"}`), vault: valuesAB(), err: `spec.target.template.data[c]: Invalid value: "": template "template", line 1, column 4: there is no key "missing"`},
		"that fails":                   {spec: of(`"data": {"c": "{{ .b | fromJson | toString }}{{ index (list 1) 5 }}"}`), vault: valuesAB(), err: `spec.target.template.data[c]: Invalid value: "": template "template", line 1, column 34: index fails on what it is given`},
	})
}

// Templates stand elsewhere, too; what is nearest to the object wins.
func TestTemplateFrom(t *testing.T) {
	data := map[api.DataRef]map[string]string{
		{ConfigMap: true, Namespace: "team-a", Name: "tpl"}: {"file": "a={{ .a }}", "pairs": "x: '{{ .a }}'\nk: 2\n{{ .a }}z: true"},
		{Namespace: "team-a", Name: "tpl"}:                  {"file": "secret {{ .a }}"},
	}
	of := func(template string) string { return templated(`"template": {` + template + `}`) }
	from := func(text string) string { return of(`"templateFrom": [` + text + `]`) }
	tests := map[string]rendering{
		"ConfigMap":              {spec: from(`{"configMap": {"name": "tpl", "items": [{"key": "file"}]}}`), want: map[string]string{"file": "a=1"}},
		"as values":              {spec: from(`{"configMap": {"name": "tpl", "items": [{"key": "file", "templateAs": "Values"}]}}`), want: map[string]string{"file": "a=1"}},
		"as keys and values":     {spec: from(`{"configMap": {"name": "tpl", "items": [{"key": "pairs", "templateAs": "KeysAndValues"}]}}`), want: map[string]string{"x": "1", "k": "2", "1z": "true"}},
		"Secret":                 {spec: from(`{"secret": {"name": "tpl", "items": [{"key": "file"}]}}`), want: map[string]string{"file": "secret 1"}},
		"Secret after ConfigMap": {spec: from(`{"configMap": {"name": "tpl", "items": [{"key": "file"}]}, "secret": {"name": "tpl", "items": [{"key": "file"}]}}`), want: map[string]string{"file": "secret 1"}},
		"literal":                {spec: from(`{"literal": "{{ range $k, $v := . }}{{ $k }}x: {{ $v | quote }}\n{{ end }}"}`), want: map[string]string{"ax": "1", "bx": canary}},
		"later wins":             {spec: from(`{"literal": "c: one"}, {"literal": "c: two"}`), want: map[string]string{"c": "two"}},
		"data wins":              {spec: of(`"data": {"c": "data"}, "templateFrom": [{"literal": "c: one"}]`), want: map[string]string{"c": "data"}},
		"beside the values":      {spec: of(`"mergePolicy": "Merge", "templateFrom": [{"literal": "c: one"}]`), want: map[string]string{"a": "1", "b": canary, "c": "one"}},
		"decoded":                {spec: from(`{"valuesDecodingStrategy": "Base64", "literal": "c: eA=="}`), want: map[string]string{"c": "x"}},
		"YAML's words for true":  {spec: from(`{"literal": "y: on"}`), want: map[string]string{"true": "true"}},
		"target Data":            {spec: from(`{"target": "Data", "literal": "c: x"}`), want: map[string]string{"c": "x"}},
		"no ConfigMap":           {spec: from(`{"configMap": {"name": "none", "items": [{"key": "file"}]}}`), err: `spec.target.template.templateFrom[0].configMap.name: Not found: "none"`},
		"no Secret":              {spec: from(`{"secret": {"name": "none", "items": [{"key": "file"}]}}`), err: `spec.target.template.templateFrom[0].secret.name: Not found: "none"`},
		"no such key":            {spec: from(`{"secret": {"name": "tpl", "items": [{"key": "file"}, {"key": "none"}]}}`), err: `spec.target.template.templateFrom[0].secret.items[1].key: Not found: "none"`},
		"no keys and values":     {spec: from(`{"literal": "{{ .b }}"}`), err: `spec.target.template.templateFrom[0].literal: Invalid value: "": what it makes is no YAML of keys and texts`},
		"nested":                 {spec: from(`{"literal": "c: {x: \"{{ .b }}\"}"}`), err: `spec.target.template.templateFrom[0].literal: Invalid value: "": what it makes is no YAML of keys and texts`},
		"not Base64":             {spec: from(`{"valuesDecodingStrategy": "Base64", "literal": "c: {{ .b }}"}`), err: `spec.target.template.templateFrom[0].literal: Invalid value: "Base64": the value is not Base64: illegal base64 data at input byte 6`},
		"a key that is a value":  {spec: from(`{"literal": "'{{ .b }} /': c"}`), err: `spec.target.template.templateFrom[0].literal: Invalid value: "": makes a key that a Secret cannot have`},
		"unparsable":             {spec: from(`{"literal": "{{ nope }}"}`), err: `spec.target.template.templateFrom[0].literal: Invalid value: "": template "template", line 1: there is no function "nope"`},
	}
	for name, tc := range tests {
		tc.vault, tc.data = valuesAB(), data
		t.Run(name, tc.test)
	}
}

// Labels and annotations are templates, too; without a template those of the
// object are copied, but for what is about the object itself.
func TestMetadataOfTheSecret(t *testing.T) {
	meta := func(more string) string { return templated(`"template": {` + more + `}`) }
	tests := map[string]struct {
		spec string
		want api.Content
		err  string
	}{
		"copied":                 {spec: templated(``), want: api.Content{Type: "Opaque", Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "n", "force-sync": "1"}}},
		"not besides a template": {spec: meta(`"data": {}`), want: api.Content{Type: "Opaque"}},
		"templated": {spec: meta(`"type": "kubernetes.io/tls", "metadata": {"labels": {"l": "v{{ .a }}"}, "annotations": {"n": "{{ .a }} {{ .a }}"}}`),
			want: api.Content{Type: "kubernetes.io/tls", Labels: map[string]string{"l": "v1"}, Annotations: map[string]string{"n": "1 1"}}},
		"from elsewhere": {spec: meta(`"metadata": {"labels": {"l": "own"}}, "templateFrom": [{"target": "Labels", "literal": "l: from\nm: '{{ .a }}'"}, {"target": "Annotations", "literal": "an: x"}]`),
			want: api.Content{Type: "Opaque", Labels: map[string]string{"l": "own", "m": "1"}, Annotations: map[string]string{"an": "x"}}},
		"target in any case": {spec: meta(`"templateFrom": [{"target": "labels", "literal": "l: x"}]`), want: api.Content{Type: "Opaque", Labels: map[string]string{"l": "x"}}},
		"immutable":          {spec: templated(`"immutable": true, "template": {}`), want: api.Content{Type: "Opaque", Immutable: new(true)}},
		"the type of a Secret that is somebody else's": {spec: templated(`"creationPolicy": "Merge", "template": {}`), want: api.Content{}},
		"and of one that may be":                       {spec: templated(`"creationPolicy": "CreateOrMerge", "template": {"type": "x/y"}`), want: api.Content{Type: "x/y"}},

		"a label of a value":      {spec: meta(`"metadata": {"labels": {"l": "{{ .b }} /"}}`), err: `spec.target.template.metadata.labels[l]: Invalid value: "": makes a label of other than at most 63 letters, digits, '-', '_' and '.'`},
		"a label whose key is no": {spec: meta(`"templateFrom": [{"target": "Labels", "literal": "'{{ .b }} /': x"}]`), err: `spec.target.template.templateFrom[0].literal: Invalid value: "": makes a key that labels and annotations cannot have`},
		"an annotation's key":     {spec: meta(`"templateFrom": [{"target": "Annotations", "literal": "'{{ .b }} /': x"}]`), err: `spec.target.template.templateFrom[0].literal: Invalid value: "": makes a key that labels and annotations cannot have`},
		"Countersign's own":       {spec: meta(`"templateFrom": [{"target": "Annotations", "literal": "countersign.dev/{{ .b }}: x"}]`), err: `spec.target.template.templateFrom[0].literal: Invalid value: "": makes a key of countersign.dev/, which are Countersign's own; leave it out`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			fake := &fake{TB: t, vault: valuesAB()}
			object := synced(t, externalSecret(`"secretStoreRef": {"name": "vault"}, `+tc.spec))
			object.Labels = map[string]string{"team": "a", "countersign.dev/x": "y"}
			object.Annotations = map[string]string{"note": "n", "force-sync": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}", api.StampedAt: "now"}
			content, err := object.render(t.Context(), fake.from, fake.read)
			if diff := cmp.Diff(tc.err, message(err)); diff != "" {
				t.Error(diff)
			}
			if err != nil {
				return
			}
			content.Data = nil
			if len(content.Labels) == 0 {
				content.Labels = nil
			}
			if len(content.Annotations) == 0 {
				content.Annotations = nil
			}
			if diff := cmp.Diff(tc.want, *content); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// All templates of an object share one budget: many that are each within it are
// not.
func TestTemplatesShareABudget(t *testing.T) {
	one := `"%s": "{{ range until 50 }}{{ range until 20 }}{{ $.a | upper | lower }}{{ end }}{{ end }}"`
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf(one, fmt.Sprintf("k%d", i)))
	}
	few := &fake{TB: t, vault: valuesAB()}
	if _, err := few.render(templated(`"template": {"data": {` + many[0] + `}}`)); err != nil {
		t.Errorf("one of them: %v", err)
	}
	all := &fake{TB: t, vault: valuesAB()}
	if _, err := all.render(templated(`"template": {"data": {` + strings.Join(many, ",") + `}}`)); err == nil {
		t.Error("all of them are rendered")
	}
}
