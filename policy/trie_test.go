package policy

import (
	"strings"
	"testing"
)

// matchesNaively is the specification of a pattern, one segment at a time.
func matchesNaively(pattern, path, namespace string) bool {
	patterns, segments := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, p := range patterns {
		if p == "*" && i == len(patterns)-1 {
			return len(segments) > i
		}
		if i >= len(segments) {
			return false
		}
		if p == namespaceVariable {
			p = namespace
		}
		if p != "+" && p != segments[i] {
			return false
		}
	}
	return len(patterns) == len(segments)
}

// FuzzMatch: the trie finds what the naive reference finds.
func FuzzMatch(f *testing.F) {
	f.Add("a/+/*\na/b/{namespace}", "a/b/ns", "ns")
	f.Add("a/{namespace}/{namespace}\na/+/+", "a/x/x", "x")
	f.Add("a/b\na/*", "a/b", "n")
	f.Fuzz(func(t *testing.T, patterns, path, namespace string) {
		if PathProblem(path) != "" {
			return
		}
		root, want := &trie{}, -1
		for i, pattern := range strings.Split(patterns, "\n") {
			if checkPattern(pattern, map[string]Mount{firstSegment(pattern): {}}, false, nil) != nil {
				continue
			}
			root.insert(pattern, i, newNamespaceMatcher(NamespaceSelector{Names: []string{"*"}}))
			if want < 0 && matchesNaively(pattern, path, namespace) {
				want = i
			}
		}
		s := search{namespace: namespace, accepts: func(int) bool { return true }}
		if root.find(path, &s); s.best != want {
			t.Errorf("%q in %q: rule %d, want %d", path, patterns, s.best, want)
		}
	})
}

func firstSegment(pattern string) string {
	first, _, _ := strings.Cut(pattern, "/")
	return first
}

func TestCompareFields(t *testing.T) {
	tests := map[string]struct {
		a, b string
		want int
	}{
		"numbers as numbers": {"spec.data[2].key", "spec.data[10].key", -1},
		"equal":              {"spec.data[2].key", "spec.data[2].key", 0},
		"prefix first":       {"spec", "spec.data", -1},
		"names as names":     {"spec.data", "spec.template", -1},
		"leading zeros":      {"a[01]", "a[1]", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := compareFields(tc.a, tc.b); got != tc.want {
				t.Errorf("compareFields(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
			}
		})
	}
}
