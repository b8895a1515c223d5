// Package chart_test renders the chart with helm and reads what comes out,
// without a cluster: what the objects are, that they agree with each other,
// and that the process can read what it is given. Whether an apiserver takes
// them is for the integration tests.
//
// Run with -update to write the golden files and the README's table of values.
package chart_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files and the README's table of values")

const (
	chartDir  = "../../charts/countersign"
	release   = "countersign"
	namespace = "countersign-system"
)

// helmTemplate returns what helm writes to standard output, or its error text.
func helmTemplate(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	return runHelm(t, append([]string{"template", release, chartDir, "--namespace", namespace}, args...)...)
}

func runHelm(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	helm := cmp.Or(os.Getenv("HELM_BIN"), filepath.Join("..", "..", "bin", "helm"))
	if _, err := os.Stat(helm); err != nil {
		t.Fatalf("%v: run make tools", err)
	}
	command := exec.CommandContext(t.Context(), helm, args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("helm %s: %w: %s", args[0], err, stderr.String())
	}
	return out, nil
}

func mustRender(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := helmTemplate(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cases are the values files in testdata, by name.
func cases(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values in testdata: %v", err)
	}
	byName := map[string]string{}
	for _, file := range files {
		byName[strings.TrimSuffix(filepath.Base(file), ".values.yaml")] = file
	}
	return byName
}

// forEachCase runs a test on what each values file renders.
func forEachCase(t *testing.T, test func(t *testing.T, name string, all objects)) {
	t.Helper()
	for name, values := range cases(t) {
		t.Run(name, func(t *testing.T) { test(t, name, parse(t, mustRender(t, "--values", values))) })
	}
}

// object is one rendered object.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`

	raw []byte
}

type objects []object

func parse(t *testing.T, rendered []byte) objects {
	t.Helper()
	var all objects
	for document := range bytes.SplitSeq(rendered, []byte("\n---\n")) {
		parsed := object{raw: document}
		if err := yaml.Unmarshal(document, &parsed); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if parsed.Kind != "" {
			all = append(all, parsed)
		}
	}
	return all
}

func (o objects) of(kind string) objects {
	var found objects
	for _, candidate := range o {
		if candidate.Kind == kind {
			found = append(found, candidate)
		}
	}
	return found
}

// named decodes the object of that kind and name strictly: an unknown field is
// an error.
func named[T any](t *testing.T, all objects, kind, name string) *T {
	t.Helper()
	for _, candidate := range all.of(kind) {
		if candidate.Metadata.Name == name {
			return decoded[T](t, candidate)
		}
	}
	t.Fatalf("no %s %s is rendered", kind, name)
	return nil
}

func decoded[T any](t *testing.T, from object) *T {
	t.Helper()
	into := new(T)
	if err := yaml.UnmarshalStrict(from.raw, into); err != nil {
		t.Fatalf("%s %s: %v", from.Kind, from.Metadata.Name, err)
	}
	return into
}
