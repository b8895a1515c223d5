package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes a folder with files the working directory.
func write(t *testing.T, files map[string]string) {
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
}

func TestParts(t *testing.T) {
	part := func(file string, line int, text string) Part { return Part{file, line, []byte(text)} }
	tests := map[string]struct {
		files map[string]string
		stdin string
		path  string
		want  []Part
		error string
	}{
		"one document":      {map[string]string{"a.yaml": "a: 1\n"}, "", "a.yaml", []Part{part("a.yaml", 0, "a: 1\n")}, ""},
		"two":               {map[string]string{"a.yaml": "a: 1\n---\nb: 2\n"}, "", "a.yaml", []Part{part("a.yaml", 0, "a: 1\n"), part("a.yaml", 2, "b: 2\n")}, ""},
		"marker and more":   {map[string]string{"a.yaml": "a: 1\n--- # from x \r\nb: 2\n"}, "", "a.yaml", []Part{part("a.yaml", 0, "a: 1\n"), part("a.yaml", 2, "b: 2\n")}, ""},
		"not a marker":      {map[string]string{"a.yaml": "a: |\n  x\n  ---\n----\n"}, "", "a.yaml", []Part{part("a.yaml", 0, "a: |\n  x\n  ---\n----\n")}, ""},
		"standard input":    {nil, "a: 1\n", "-", []Part{part("stdin", 0, "a: 1\n")}, ""},
		"directory":         {map[string]string{"d/a.json": "{}", "d/e/b.yml": "b: 1", "d/c.txt": "c: 1"}, "", "d", []Part{part("d/a.json", 0, "{}"), part("d/e/b.yml", 0, "b: 1")}, ""},
		"no such file":      {nil, "", "a.yaml", nil, "stat a.yaml: no such file or directory"},
		"no final new line": {map[string]string{"a.yaml": "a: 1\n---"}, "", "a.yaml", []Part{part("a.yaml", 0, "a: 1\n"), {"a.yaml", 2, nil}}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			write(t, tc.files)
			got, err := Parts(strings.NewReader(tc.stdin), tc.path)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			var message string
			if err != nil {
				message = err.Error()
			}
			if message != tc.error {
				t.Errorf("got %s, want %s", message, tc.error)
			}
		})
	}
}

// A pattern has to find policy, not each of its files to hold some.
func TestGlob(t *testing.T) {
	tests := map[string]struct {
		files   map[string]string
		pattern string
		want    int
		error   string
	}{
		"one file":       {map[string]string{"a.yaml": good}, "a.yaml", 1, ""},
		"several":        {map[string]string{"a.yaml": good, "b.yaml": good, "kustomization.yaml": "kind: Kustomization\n"}, "*.yaml", 2, ""},
		"directory":      {map[string]string{"p/a.yaml": good, "p/q/b.yaml": good}, "p", 2, ""},
		"nothing":        {nil, "*.yaml", 0, "*.yaml: finds neither an AccessPolicy nor a ConfigMap with one"},
		"other kinds":    {map[string]string{"a.yaml": "kind: Secret\n"}, "*.yaml", 0, "*.yaml: finds neither an AccessPolicy nor a ConfigMap with one"},
		"not a pattern":  {nil, "[", 0, "[: syntax error in pattern"},
		"with a mistake": {map[string]string{"a.yaml": good, "b.yaml": bad}, "*.yaml", 1, `b.yaml:4:1: unknown field "denies"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			write(t, tc.files)
			documents, err := Glob(tc.pattern)
			if len(documents) != tc.want {
				t.Errorf("%d documents, want %d", len(documents), tc.want)
			}
			var message string
			if err != nil {
				message = err.Error()
			}
			if message != tc.error {
				t.Errorf("got %s, want %s", message, tc.error)
			}
		})
	}
}
