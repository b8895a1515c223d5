package esocorpus

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/test/esocrds"
	"github.com/countersign/countersign/test/harness"
)

// installCRDs installs those of the operator's module, with what its API has got
// since.
func installCRDs(t *testing.T, env *harness.Env) {
	t.Helper()
	folder, err := esocrds.Folder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*external-secrets.io_*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs in %s: %v", folder, err)
	}
	for _, file := range files {
		if err := env.Client.Create(t.Context(), readCRD(t, file)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	output, err := env.Kubectl(t.Context(), "", "wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
	if err != nil || output.ExitCode != 0 {
		t.Fatal(err, output.Stderr)
	}
}

func readCRD(t *testing.T, file string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // A file of the module.
	if err != nil {
		t.Fatal(err)
	}
	crd := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &crd.Object); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if crd.GetName() == "externalsecrets.external-secrets.io" {
		addLater(t, crd)
	}
	return crd
}

// addLater adds the fields of ExternalSecrets that came up to version 2.9.0 of
// the operator, which is no Go module that can be downloaded.
func addLater(t *testing.T, crd *unstructured.Unstructured) {
	t.Helper()
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil || len(versions) == 0 {
		t.Fatalf("no versions: %v", err)
	}
	spec := []string{"schema", "openAPIV3Schema", "properties", "spec", "properties"}
	for _, version := range versions {
		for _, one := range laterFields() {
			if err := unstructured.SetNestedField(version.(map[string]any), one.schema, append(spec, one.path...)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
		t.Fatal(err)
	}
}

type laterField struct {
	path   []string
	schema map[string]any
}

func laterFields() []laterField {
	oneOf := func(values ...any) map[string]any { return map[string]any{"type": "string", "enum": values} }
	nullBytes, decoding := oneOf("Ignore", "Fail"), oneOf("Auto", "Base64", "Base64URL", "None")
	of := func(parent string, path ...string) []string {
		return append([]string{parent, "items", "properties"}, path...)
	}
	target := []string{"target", "properties"}
	return []laterField{
		{of("data", "remoteRef", "properties", "nullBytePolicy"), nullBytes},
		{of("dataFrom", "extract", "properties", "nullBytePolicy"), nullBytes},
		{of("dataFrom", "find", "properties", "nullBytePolicy"), nullBytes},
		{append(target, "creationPolicy"), map[string]any{
			"type": "string", "default": "Owner", "enum": []any{"Owner", "Orphan", "Merge", "None", "CreateOrMerge"},
		}},
		{append(target, "template", "properties", "templateFrom", "items", "properties", "valuesDecodingStrategy"), decoding},
		{[]string{"syncWindows"}, map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
	}
}
