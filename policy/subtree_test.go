package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"
)

// pathsBelow are all paths below one, of these segments and up to a depth.
func pathsBelow(path string, segments []string, depth int) []string {
	if depth == 0 {
		return nil
	}
	var all []string
	for _, segment := range segments {
		below := path + "/" + segment
		all = append(append(all, below), pathsBelow(below, segments, depth-1)...)
	}
	return all
}

// alphabet has the literals of the patterns, the namespace, and a segment that
// none of them names.
func alphabet(patterns []string, namespace string) []string {
	segments := []string{namespace, "fresh"}
	for _, pattern := range patterns {
		for segment := range strings.SplitSeq(pattern, "/") {
			if !strings.ContainsAny(segment, "+*{}") && !slices.Contains(segments, segment) {
				segments = append(segments, segment)
			}
		}
	}
	return segments
}

// depthBelow is enough for each pattern to end, and for what follows its end.
func depthBelow(patterns []string, path string) int {
	depth := 2
	for _, pattern := range patterns {
		depth = max(depth, strings.Count(pattern, "/")-strings.Count(path, "/")+1)
	}
	return depth
}

// checkSubtree compares the tries, and the matchers that explain, with each
// path below, one after the other.
func checkSubtree(t *testing.T, rules []fuzzedRule, namespace string, labels map[string]string, path string) {
	t.Helper()
	patterns := make([]string, len(rules))
	for i, rule := range rules {
		patterns[i] = rule.pattern
	}
	segments, depth := alphabet(patterns, namespace), depthBelow(patterns, path)
	if total := power(len(segments), depth); total > 20_000 {
		return
	}
	below := pathsBelow(path, segments, depth)
	selected := func(i int) bool { return newNamespaceMatcher(rules[i].selector).matches(namespace, labels) }
	covering := slices.IndexFunc(rules, func(rule fuzzedRule) bool {
		every := !slices.ContainsFunc(below, func(one string) bool { return !matchesNaively(rule.pattern, one, namespace) })
		if got := coversBelow(rule.pattern, path, namespace); got != every {
			t.Errorf("%q covers what is below %q: %t, want %t", rule.pattern, path, got, every)
		}
		return every && selectsNaively(rule.selector, namespace, labels)
	})
	meeting := slices.IndexFunc(rules, func(rule fuzzedRule) bool {
		pattern := strings.ToLower(rule.pattern)
		some := slices.ContainsFunc(below, func(one string) bool { return matchesNaively(pattern, strings.ToLower(one), namespace) })
		if got := meetsBelow(pattern, strings.ToLower(path), namespace); got != some {
			t.Errorf("%q meets what is below %q: %t, want %t", rule.pattern, path, got, some)
		}
		return some && selectsNaively(rule.selector, namespace, labels)
	})
	got := map[extent]int{}
	for _, extent := range []extent{allBelow, anyBelow} {
		s := search{namespace: namespace, labels: labels, fold: extent == anyBelow, extent: extent, accepts: selected}
		trieOf(rules, extent == anyBelow).find(path, &s)
		got[extent] = s.best
	}
	if diff := cmp.Diff(map[extent]int{allBelow: covering, anyBelow: meeting}, got); diff != "" {
		t.Errorf("below %q in %q: %s", path, namespace, diff)
	}
}

func power(base, exponent int) int {
	total := 1
	for range exponent {
		total *= base
	}
	return total
}

// Each pattern of up to four segments against each path of up to three.
func TestSubtreeIsWhatEachPathBelowSays(t *testing.T) {
	everybody := NamespaceSelector{Names: []string{"*"}}
	var patterns []string
	for _, pattern := range pathsBelow("m", []string{"a", "B", "+", namespaceVariable, "*"}, 3) {
		if len(checkPattern(pattern, map[string]Mount{"m": {}}, false, nil)) == 0 {
			patterns = append(patterns, pattern)
		}
	}
	paths := append([]string{"m"}, pathsBelow("m", []string{"a", "b", "ns"}, 2)...)
	if len(patterns) < 100 {
		t.Fatalf("%d patterns only", len(patterns))
	}
	for _, path := range paths {
		for _, pattern := range patterns {
			checkSubtree(t, []fuzzedRule{{everybody, pattern}}, "ns", nil, path)
		}
	}
}

// FuzzSubtree does the same with many rules in one trie.
func FuzzSubtree(f *testing.F) {
	f.Add("* m/a/*\n* m/+/b/c\nns m/{namespace}/*", "ns", "", "m/a")
	f.Add("* m/a/B\n* m/+/+/*\nenv=prod m/*", "ns", "env=prod", "m")
	f.Add("x-* m/{namespace}/+\nx-* M/*", "x-1", "", "m/x-1")
	f.Fuzz(func(t *testing.T, text, namespace, labelText, path string) {
		if subtreeProblem(path) != "" || len(validation.IsDNS1123Label(namespace)) > 0 {
			return
		}
		if rules := parseRules(text); len(rules) < 20 {
			checkSubtree(t, rules, namespace, parseLabels(labelText), path)
		}
	})
}

// A pattern meets what a read asks for: the path, or anything below it.
func TestReadMeets(t *testing.T) {
	tests := map[string]struct {
		read    Read
		pattern string
		want    bool
	}{
		"the path":                    {Read{Path: "secret/data/a/b"}, "secret/data/a/b", true},
		"above the path":              {Read{Path: "secret/data/a/b"}, "secret/data/a", false},
		"the tree above it":           {Read{Path: "secret/data/a/b"}, "secret/data/a/*", true},
		"a path of the tree":          {Read{Path: "secret/data/a", Subtree: true}, "secret/data/a/b", true},
		"a tree of the tree":          {Read{Path: "secret/data/a", Subtree: true}, "secret/data/a/b/*", true},
		"by the namespace":            {Read{Path: "secret/data", Subtree: true}, "secret/data/{namespace}/b", true},
		"the path that is not in it":  {Read{Path: "secret/data/a", Subtree: true}, "secret/data/a", false},
		"a path of another tree":      {Read{Path: "secret/data/a", Subtree: true}, "secret/data/c/b", false},
		"the tree of all around them": {Read{Path: "secret/data/a", Subtree: true}, "secret/data/*", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.read.Meets(tc.pattern, "team-a"); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
