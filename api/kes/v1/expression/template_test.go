package expression

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// What KES rendered, recorded from the lodash and js-yaml that it used.
func TestRenderIsWhatLodashRenders(t *testing.T) {
	input := struct{ Data, Cases map[string]string }{}
	read(t, "testdata/lodash.yaml", func(text []byte) error { return yaml.UnmarshalStrict(text, &input) })
	want := map[string]string{}
	read(t, "testdata/lodash.golden.json", func(text []byte) error { return json.Unmarshal(text, &want) })
	if len(input.Cases) != len(want) {
		t.Errorf("%d cases and %d recorded ones; run testdata/record.js", len(input.Cases), len(want))
	}
	values := map[string][]byte{}
	for key, value := range input.Data {
		values[key] = []byte(value)
	}
	for name, text := range input.Cases {
		t.Run(name, func(t *testing.T) {
			template, err := new(Parser).Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := template.Render(NewScope(values))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[name], got); diff != "" {
				t.Errorf("%s\n(-lodash +got):\n%s", text, diff)
			}
		})
	}
}

func read(t *testing.T, path string, decode func([]byte) error) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(text); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
