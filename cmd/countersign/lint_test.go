package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// result is what a command leaves.
type result struct {
	Code           int
	Stdout, Stderr string
}

// execute runs a command as from a shell, in a folder of its own with these
// files.
func execute(t *testing.T, files map[string]string, stdin string, args ...string) result {
	t.Helper()
	t.Chdir(t.TempDir())
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

const lintedPolicy = `apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {secret: {kv: 2}}
allow:
- name: own-tree
  namespaces: {names: ["team-*"]}
  paths: ["secret/data/{namespace}/*"]
  roles: [reader]
`

func TestLint(t *testing.T) {
	labels := strings.ReplaceAll(lintedPolicy, `{names: ["team-*"]}`, "{matchLabels: {a: b}}")
	wrong := strings.ReplaceAll(lintedPolicy, "secret/data/", "secret/")
	tests := map[string]struct {
		files map[string]string
		stdin string
		args  []string
		want  result
	}{
		"good":           {map[string]string{"p.yaml": lintedPolicy}, "", []string{"p.yaml"}, result{}},
		"standard input": {nil, lintedPolicy, []string{"-"}, result{}},
		"a warning is no failure": {map[string]string{"p.yaml": labels}, "", []string{"p.yaml"},
			result{0, "p.yaml:6:16: warning: allow[0].namespaces.matchLabels: Invalid value: {\"a\":\"b\"}: whoever may label namespaces grants this; names are safer\n", ""}},
		"a mistake": {map[string]string{"p.yaml": wrong}, "", []string{"p.yaml"},
			result{1, "p.yaml:7:11: allow[0].paths[0]: Invalid value: \"secret/{namespace}/*\": values of a KV v2 mount are below secret/data/; write \"secret/data/{namespace}/*\"\n", ""}},
		"as JSON": {map[string]string{"p.yaml": "apiVersion: v2\n"}, "", []string{"p.yaml", "-o", "json"},
			result{2, "", "countersign: p.yaml: neither an AccessPolicy nor a ConfigMap with one\n"}},
		"JSON without a problem": {map[string]string{"p.yaml": lintedPolicy}, "", []string{"p.yaml", "-o", "json"}, result{0, "[]\n", ""}},
		"JSON with one": {map[string]string{"p.yaml": lintedPolicy + "denies: []\n"}, "", []string{"p.yaml", "-o", "json"},
			result{1, "[\n  {\n    \"file\": \"p.yaml\",\n    \"source\": \"p\",\n    \"line\": 9,\n    \"column\": 1,\n    \"message\": \"unknown field \\\"denies\\\"\"\n  }\n]\n", ""}},
		"two that disagree": {map[string]string{"a.yaml": lintedPolicy, "b.yaml": strings.ReplaceAll(lintedPolicy, "kv: 2", "kv: 1")}, "", []string{"a.yaml", "b.yaml"},
			result{1, "b.yaml:3:10: mounts[secret]: Invalid value: 1: another document declares kv: 2\n", ""}},
		"no file":         {nil, "", []string{"p.yaml"}, result{2, "", "countersign: stat p.yaml: no such file or directory\n"}},
		"no argument":     {nil, "", nil, result{2, "", "countersign: requires at least 1 arg(s), only received 0\n"}},
		"another output":  {map[string]string{"p.yaml": lintedPolicy}, "", []string{"p.yaml", "-o", "xml"}, result{2, "", "countersign: --output \"xml\": want text, json\n"}},
		"broken settings": {map[string]string{"p.yaml": lintedPolicy, "s.yaml": "vault: {}"}, "", []string{"p.yaml", "--settings", "s.yaml"}, result{2, "", "countersign: settings s.yaml: unknown field \"vault\"\n"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := execute(t, tc.files, tc.stdin, append([]string{"policy", "lint"}, tc.args...)...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
