package repository

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each row of the page on what kubernetes-external-secrets got wrong names tests,
// and all of them exist.
func TestEveryFaultOfKESHasItsTest(t *testing.T) {
	tests := testNames(t)
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]*) \|$`).FindAllStringSubmatch(read(t, "docs/kes-faults.md"), -1)
	if len(rows) < 30 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows[1:] {
		isTitle := strings.HasPrefix(row[1], "**") || strings.HasPrefix(row[1], "---")
		named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(row[3], -1)
		if !isTitle && len(named) == 0 {
			t.Errorf("no test: %s", row[1])
		}
		for _, name := range named {
			if !tests[name[1]] {
				t.Errorf("there is no %s", name[1])
			}
		}
	}
}

// testNames are those of all test functions.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, match := range declared.FindAllStringSubmatch(string(content), -1) {
			names[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
