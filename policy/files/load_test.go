package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/policy"
)

const (
	good = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\n"
	bad  = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: []\ndenies: []\n"
)

// configMap writes documents into a ConfigMap's literal blocks.
func configMap(keys ...string) string {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: team\n  labels: {countersign.dev/policy: \"true\"}\ndata:\n")
	for i := 0; i < len(keys); i += 2 {
		text.WriteString("  " + keys[i] + ": |\n    " + strings.ReplaceAll(strings.TrimSpace(keys[i+1]), "\n", "\n    ") + "\n")
	}
	return text.String()
}

func TestLoad(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		stdin string
		paths []string
		// want are the documents, or the error.
		want  []string
		error string
	}{
		"raw":                    {map[string]string{"base.yaml": good}, "", []string{"base.yaml"}, []string{"base[]"}, ""},
		"standard input":         {nil, good, []string{"-"}, []string{"stdin[]"}, ""},
		"ConfigMap":              {map[string]string{"p.yaml": configMap("a.yaml", good, "b.yaml", good, "README.md", "x")}, "", []string{"p.yaml"}, []string{"team[a.yaml]", "team[b.yaml]"}, ""},
		"several in one file":    {map[string]string{"p.yaml": "# first\n---\n" + good + "---\n" + configMap("a.yaml", good)}, "", []string{"p.yaml"}, []string{"p[]", "team[a.yaml]"}, ""},
		"List":                   {map[string]string{"p.json": `{"kind":"List","items":[{"kind":"ConfigMap","metadata":{"name":"one"},"data":{"p.yaml":"kind: AccessPolicy\napiVersion: countersign.dev/v1alpha1\nallow: []"}}]}`}, "", []string{"p.json"}, []string{"one[p.yaml]"}, ""},
		"directory":              {map[string]string{"d/a.yaml": good, "d/deep/b.yml": good, "d/kustomization.yaml": "kind: Kustomization\n", "d/notes.txt": "x"}, "", []string{"d"}, []string{"a[]", "b[]"}, ""},
		"unlabelled ConfigMap":   {map[string]string{"p.yaml": strings.ReplaceAll(configMap("a.yaml", good, "other.yaml", "x: y"), "countersign.dev/policy", "other")}, "", []string{"p.yaml"}, []string{"team[a.yaml]"}, ""},
		"file of another kind":   {map[string]string{"p.yaml": "kind: Secret\n"}, "", []string{"p.yaml"}, nil, "p.yaml: neither an AccessPolicy nor a ConfigMap with one"},
		"directory without":      {map[string]string{"d/p.yaml": "kind: Secret\n"}, "", []string{"d"}, nil, "d: neither an AccessPolicy nor a ConfigMap with one"},
		"no such file":           {nil, "", []string{"p.yaml"}, nil, "stat p.yaml: no such file or directory"},
		"mistake in a file":      {map[string]string{"p.yaml": bad}, "", []string{"p.yaml"}, nil, `p.yaml:4:1: unknown field "denies"`},
		"mistake in the second":  {map[string]string{"p.yaml": good + "---\n" + bad}, "", []string{"p.yaml"}, []string{"p[]"}, `p.yaml:8:1: unknown field "denies"`},
		"mistake in a ConfigMap": {map[string]string{"p.yaml": configMap("a.yaml", good, "b.yaml", bad)}, "", []string{"p.yaml"}, []string{"team[a.yaml]"}, `p.yaml:15:5: unknown field "denies"`},
		"mistake in a quoted block": {map[string]string{"p.yaml": "kind: ConfigMap\nmetadata: {name: team}\ndata:\n  a.yaml: \"kind: AccessPolicy\\napiVersion: v2\\n\"\n"}, "", []string{"p.yaml"}, nil,
			`p.yaml:4:3: want apiVersion: countersign.dev/v1alpha1 and kind: AccessPolicy, got "v2" and "AccessPolicy"`},
		"duplicate key":              {map[string]string{"d/a.yaml": good + "allow: []\n"}, "", []string{"d"}, nil, `d/a.yaml:4:1: key "allow" is there already`},
		"duplicate key unlabelled":   {map[string]string{"p.yaml": "kind: ConfigMap\ndata:\n  a.yaml: |\n    kind: AccessPolicy\n    apiVersion: countersign.dev/v1alpha1\n    allow: []\n    allow: []\n"}, "", []string{"p.yaml"}, nil, `p.yaml:7:5: key "allow" is there already`},
		"duplicate key of ConfigMap": {map[string]string{"d/p.yaml": configMap("a.yaml", good, "a.yaml", good)}, "", []string{"d"}, []string{"team[a.yaml]", "team[a.yaml]"}, `d/p.yaml:11:3: key "a.yaml" is there already`},
		"duplicate key of a list":    {map[string]string{"d/p.yaml": "kind: List\nitems: []\nitems: []\n"}, "", []string{"d"}, nil, `d/p.yaml:3:1: key "items" is there already`},
		"not YAML":                   {map[string]string{"p.yaml": "a: [\n"}, "", []string{"p.yaml"}, nil, "p.yaml:1:1: did not find expected node content"},
		"mistakes of two":            {map[string]string{"a.yaml": bad, "b.yaml": bad}, "", []string{"a.yaml", "b.yaml"}, nil, "a.yaml:4:1: unknown field \"denies\"\nb.yaml:4:1: unknown field \"denies\""},
		"good beside broken":         {map[string]string{"a.yaml": good, "b.yaml": bad}, "", []string{"a.yaml", "b.yaml"}, []string{"a[]"}, `b.yaml:4:1: unknown field "denies"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for path, text := range tc.files {
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			documents, err := Load(strings.NewReader(tc.stdin), tc.paths...)
			var got []string
			for _, document := range documents {
				got = append(got, document.Source+"["+document.Key+"]")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			var message string
			if err != nil {
				message = err.Error()
			}
			if diff := cmp.Diff(tc.error, message); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The rules of a ConfigMap are told by the lines of its file, too.
func TestLoadKeepsPlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	text := configMap("a.yaml", "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow:\n- name: a\n  namespaces: {names: [x]}\n  roles: [r]\n  paths: [nowhere/x]\n")
	if err := os.WriteFile("p.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	documents, err := Load(nil, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := `p.yaml:14:15: allow[0].paths[0]: Invalid value: "nowhere/x": does not start with a declared mount; name it under mounts of this or another document`
	if diff := cmp.Diff(want, policy.Lint(documents, policy.Settings{}).Error()); diff != "" {
		t.Error(diff)
	}
}

// FuzzLoad: whatever a file holds, it is read to an end, and says why it is not
// good.
func FuzzLoad(f *testing.F) {
	f.Add(good + "---\n" + bad)
	f.Add(configMap("a.yaml", bad))
	f.Add("kind: List\nitems: [{kind: List, items: [{kind: AccessPolicy}]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		documents, err := Load(strings.NewReader(text), Stdin)
		if len(documents) == 0 && err == nil {
			t.Error("neither a document nor an error")
		}
	})
}
