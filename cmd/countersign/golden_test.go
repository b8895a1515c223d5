package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

// fixtures are the files that the commands are tried on.
func fixtures(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/fixtures/*")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = string(text)
	}
	return files
}

// golden runs a command beside the fixtures and compares all that it leaves.
func golden(t *testing.T, name, stdin string, args ...string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "golden", strings.ReplaceAll(name, " ", "-")+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	got := execute(t, fixtures(t), stdin, args...)
	text := fmt.Sprintf("$ countersign %s\n%s%s=> %d\n", strings.Join(args, " "), got.Stdout, got.Stderr, got.Code)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with -update", err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("(-want +got), -update takes it:\n%s", diff)
	}
}

// Whatever a command prints for people is golden, with its exit code.
func TestCommandsAreGolden(t *testing.T) {
	review := fixtures(t)["review.yaml"]
	tests := map[string]struct {
		stdin string
		args  string
	}{
		"test good":             {"", "policy test suite.yaml"},
		"test failing":          {"", "policy test failing.yaml"},
		"test failing json":     {"", "policy test failing.yaml -o json"},
		"test failing junit":    {"", "policy test suite.yaml failing.yaml -o junit"},
		"test directory":        {"", "policy test ."},
		"test settings":         {"", "policy test suite.yaml --settings settings.yaml"},
		"test from stdin":       {fixtures(t)["suite.yaml"], "policy test -"},
		"explain request":       {"", "policy explain --policy policy.yaml -n team-a --path secret/data/team-a/db --role admin"},
		"explain allowed":       {"", "policy explain --policy policy.yaml -n shop --namespace-labels tier=web --path secret/data/web/config --role reader"},
		"explain every part":    {"", "policy explain --policy policy.yaml --settings settings.yaml -n team-a --path legacy/eu --vault eu --role reader --auth-mount k8s-us --auth-method jwt --vault-namespace org --service-account other"},
		"explain to a stranger": {"", "policy explain --policy policy.yaml -n other --path secret/data/x --role reader"},
		"explain a sneaky path": {"", "policy explain --policy policy.yaml -n team-a --path secret/data/team-a/../x --role reader"},
		"explain manifests":     {"", "policy explain --policy policy.yaml -f objects.yaml"},
		"explain update":        {review, "policy explain --policy policy.yaml -f -"},
		"explain json":          {review, "policy explain --policy policy.yaml -f - -o json"},
		"explain request json":  {"", "policy explain --policy policy.yaml -n other --path secret/data/x --role reader -o json"},
		"diff":                  {"", "policy diff policy.yaml next.yaml --objects objects.yaml"},
		"diff json":             {review, "policy diff next.yaml policy.yaml --objects - -o json"},
		"diff of nothing":       {"", "policy diff policy.yaml policy.yaml --objects objects.yaml"},
		"diff of nothing json":  {"", "policy diff policy.yaml policy.yaml --objects objects.yaml -o json"},
		"diff with settings":    {"", "policy diff policy.yaml next.yaml --objects objects.yaml --settings settings.yaml"},
		"audit":                 {"", "audit --policy policy.yaml --objects objects.yaml"},
		"audit json":            {"", "audit --policy policy.yaml --objects objects.yaml -o json -n team-a"},
		"audit junit":           {"", "audit --policy policy.yaml --objects objects.yaml -o junit"},
		"audit with settings":   {"", "audit --policy policy.yaml --objects objects.yaml --settings settings.yaml -n other"},
		"audit of guarded":      {"", "audit --policy eso-policy.yaml --objects eso.yaml --settings eso-settings.yaml"},
		"audit guarded json":    {"", "audit --policy eso-policy.yaml --objects eso.yaml --settings eso-settings.yaml -n team-a -o json"},
		"audit guarded junit":   {"", "audit --policy eso-policy.yaml --objects eso.yaml --settings eso-settings.yaml -o junit"},
		"audit of ours":         {"", "audit --policy eso-policy.yaml --objects eso-ours.yaml --settings eso-settings.yaml"},
		"audit of both":         {"", "audit --policy policy.yaml --objects eso.yaml --objects objects.yaml --settings eso-settings.yaml"},
		"diff of guarded":       {"", "policy diff eso-policy.yaml eso-next.yaml --objects eso.yaml --settings eso-settings.yaml"},
		"explain guarded":       {"", "policy explain --policy eso-policy.yaml -f eso.yaml --settings eso-settings.yaml"},
		"test guarded":          {"", "policy test eso-suite.yaml"},
		"audit of no namespace": {"", "audit --policy policy.yaml --objects objects.yaml -n none"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { golden(t, name, tc.stdin, strings.Fields(tc.args)...) })
	}
}

// Every golden file is of a test that is still there.
func TestGoldenFilesAreUsed(t *testing.T) {
	source, err := os.ReadFile("golden_test.go")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("testdata/golden/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, error %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".txt"), "-", " ")
		if !strings.Contains(string(source), `"`+name+`"`) {
			t.Errorf("%s is of no test", path)
		}
	}
}
