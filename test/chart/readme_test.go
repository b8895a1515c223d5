package chart_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// schema is the part of values.schema.json that the table is made of.
type schema struct {
	Type                 string             `json:"type"`
	Description          string             `json:"description"`
	Properties           map[string]*schema `json:"properties"`
	AdditionalProperties any                `json:"additionalProperties"`
}

// TestReadme: the table of values is that of the schema and values.yaml.
func TestReadme(t *testing.T) {
	const begin, end = "<!-- values -->\n", "<!-- /values -->\n"
	file := filepath.Join(chartDir, "README.md")
	readme := readChart(t, "README.md")
	head, rest, _ := strings.Cut(string(readme), begin)
	_, tail, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no place for the table", file)
	}
	want := head + begin + valuesTable(t) + end + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(readme)); diff != "" {
		t.Errorf("%s (-want +got), -update takes it:\n%s", file, diff)
	}
}

func readChart(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(chartDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func valuesTable(t *testing.T) string {
	t.Helper()
	root, defaults := &schema{}, map[string]any{}
	if err := json.Unmarshal(readChart(t, "values.schema.json"), root); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(readChart(t, "values.yaml"), &defaults); err != nil {
		t.Fatal(err)
	}
	return "| value | type | default | what it is |\n|---|---|---|---|\n" + strings.Join(rows(t, "", root, defaults), "")
}

func rows(t *testing.T, prefix string, of *schema, defaults map[string]any) []string {
	t.Helper()
	if of.AdditionalProperties != false {
		t.Errorf("%q takes unknown values", prefix)
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(of.Properties)) {
		property, value := of.Properties[name], defaults[name]
		if property.Description == "" {
			t.Errorf("%s%s has no description", prefix, name)
		}
		inner, _ := value.(map[string]any)
		if len(property.Properties) > 0 && len(inner) > 0 {
			all = append(all, rows(t, prefix+name+".", property, inner)...)
			continue
		}
		all = append(all, row(t, prefix+name, property, value))
	}
	return all
}

func row(t *testing.T, name string, property *schema, value any) string {
	t.Helper()
	shown, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if value == nil {
		return fmt.Sprintf("| `%s` | %s | | %s |\n", name, property.Type, property.Description)
	}
	return fmt.Sprintf("| `%s` | %s | `%s` | %s |\n", name, property.Type, shown, property.Description)
}
