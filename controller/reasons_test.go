package controller

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// Every reason of a condition or an event has a row in docs/status.md, and
// there are no others.
func TestReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/status.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, row[1])
	}
	slices.Sort(documented)
	reasons := slices.Concat(reasonsIn(t, "."), reasonsIn(t, "vault"), reasonsIn(t, "../api"))
	slices.Sort(reasons)
	if diff := cmp.Diff(slices.Compact(reasons), slices.Compact(documented)); diff != "" {
		t.Errorf("constants (-) and docs/status.md (+) differ:\n%s", diff)
	}
}

// Every field of the status has a row there too.
func TestStatusFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/status.md")
	if err != nil {
		t.Fatal(err)
	}
	_, fields, _ := strings.Cut(string(page), "## The other fields")
	for _, status := range []any{kesv1.ExternalSecretStatus{}, api.SyncStatus{}} {
		for field := range reflect.TypeOf(status).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && name != "conditions" && !strings.Contains(fields, "`"+name+"`") {
				t.Errorf("docs/status.md does not tell what %s is", name)
			}
		}
	}
}

// reasonsIn are the values of a package's constants that are named reason or
// Reason something.
func reasonsIn(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if spec, ok := node.(*ast.ValueSpec); ok {
				reasons = append(reasons, reasonsOf(t, spec)...)
			}
			return true
		})
	}
	return reasons
}

func reasonsOf(t *testing.T, spec *ast.ValueSpec) []string {
	t.Helper()
	var reasons []string
	for i, name := range spec.Names {
		if i >= len(spec.Values) || !strings.HasPrefix(strings.ToLower(name.Name), "reason") {
			continue
		}
		literal, ok := spec.Values[i].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", name.Name)
		}
		reason, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, reason)
	}
	return reasons
}
