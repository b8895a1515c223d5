package policy

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
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

// selectsNaively is the specification of a selector.
func selectsNaively(selector NamespaceSelector, namespace string, labels map[string]string) bool {
	for key, value := range selector.MatchLabels {
		if have, ok := labels[key]; !ok || have != value {
			return false
		}
	}
	for _, name := range selector.Names {
		if name == namespace || strings.HasSuffix(name, "*") && strings.HasPrefix(namespace, strings.TrimSuffix(name, "*")) {
			return true
		}
	}
	return len(selector.MatchLabels) > 0
}

// fuzzedRule is one line of fuzzed text: "team-a,team-* a/+/*", or with labels
// "tier=web,env=prod a/+/*".
type fuzzedRule struct {
	selector NamespaceSelector
	pattern  string
}

func parseRules(text string) []fuzzedRule {
	var rules []fuzzedRule
	for line := range strings.Lines(text) {
		selector, pattern, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		rule := fuzzedRule{pattern: pattern, selector: NamespaceSelector{MatchLabels: parseLabels(selector)}}
		if len(rule.selector.MatchLabels) == 0 {
			rule.selector.Names = strings.Split(selector, ",")
		}
		if len(checkNamespaces(rule.selector, nil)) == 0 && len(checkPattern(pattern, map[string]Mount{firstSegment(pattern): {}}, false, nil)) == 0 {
			rules = append(rules, rule)
		}
	}
	return rules
}

func parseLabels(text string) map[string]string {
	labels := map[string]string{}
	for one := range strings.SplitSeq(text, ",") {
		if key, value, ok := strings.Cut(one, "="); ok {
			labels[key] = value
		}
	}
	return labels
}

func firstSegment(pattern string) string {
	first, _, _ := strings.Cut(pattern, "/")
	return first
}

func trieOf(rules []fuzzedRule, fold bool) *trie {
	return newTrie(len(rules), func(i int) ([]string, *namespaceMatcher) {
		patterns := []string{rules[i].pattern}
		if fold {
			patterns = folded(patterns)
		}
		return patterns, newNamespaceMatcher(rules[i].selector)
	})
}

// FuzzMatch: the trie finds what the naive reference finds, for rules by name,
// prefix and label, with case kept as for allow rules and folded as for deny
// rules; and so does the matcher that explains.
func FuzzMatch(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, namespace, labelText, path string) {
		if PathProblem(path) != "" || len(validation.IsDNS1123Label(namespace)) > 0 {
			return
		}
		rules, labels := parseRules(text), parseLabels(labelText)
		for _, fold := range []bool{false, true} {
			spelling := func(s string) string { return s }
			if fold {
				spelling = strings.ToLower
			}
			want := slices.IndexFunc(rules, func(rule fuzzedRule) bool {
				return selectsNaively(rule.selector, namespace, labels) && matchesNaively(spelling(rule.pattern), spelling(path), namespace)
			})
			s := search{namespace: namespace, labels: labels, fold: fold, accepts: func(i int) bool {
				return newNamespaceMatcher(rules[i].selector).matches(namespace, labels)
			}}
			if trieOf(rules, fold).find(path, &s); s.best != want {
				t.Errorf("%q of %q (labels %q) in %q, folded %t: rule %d, want %d", path, namespace, labelText, text, fold, s.best, want)
			}
		}
		for _, rule := range rules {
			if got, want := MatchesPattern(rule.pattern, path, namespace), matchesNaively(rule.pattern, path, namespace); got != want {
				t.Errorf("%q matches %q in %q: %t, want %t", rule.pattern, path, namespace, got, want)
			}
		}
	})
}

// FuzzPattern: a pattern is refused, or is as bounded as the docs say: it makes
// no more nodes than it has segments, and matches what it spells out.
func FuzzPattern(f *testing.F) {
	f.Fuzz(func(t *testing.T, pattern string) {
		if len(checkPattern(pattern, map[string]Mount{firstSegment(pattern): {}}, false, nil)) > 0 {
			return
		}
		segments := strings.Split(pattern, "/")
		if len(segments) > maxPathSegments || count(segments, "+") > maxWildcards || count(segments, namespaceVariable) > maxWildcards {
			t.Errorf("%q is beyond the bounds", pattern)
		}
		root := trieOf([]fuzzedRule{{NamespaceSelector{Names: []string{"*"}}, pattern}}, false)
		if nodes := countNodes(root); nodes > len(segments)+1 {
			t.Errorf("%q makes %d nodes", pattern, nodes)
		}
		path := strings.NewReplacer("+", "x", "*", "x", namespaceVariable, "ns").Replace(pattern)
		if len(path) > maxPathBytes {
			return
		}
		if problem := PathProblem(path); problem != "" {
			t.Errorf("%q spells out %q: %s", pattern, path, problem)
		}
		s := search{namespace: "ns", accepts: func(int) bool { return true }}
		if root.find(path, &s); s.best != 0 {
			t.Errorf("%q does not match %q", pattern, path)
		}
	})
}

func countNodes(n *trie) int {
	if n == nil {
		return 0
	}
	nodes := 1 + countNodes(n.plus) + countNodes(n.namespace)
	for _, child := range n.literal {
		nodes += countNodes(child)
	}
	return nodes
}

// mixes are all patterns of a depth below a mount that match a path whose
// segments are all the namespace's name: each segment literal, "+" or
// {namespace}, with as many of those as a pattern may have.
func mixes(prefix string, depth, plus, variables int) []string {
	if depth == 0 {
		return []string{prefix}
	}
	all := mixes(prefix+"/ns", depth-1, plus, variables)
	if plus > 0 {
		all = append(all, mixes(prefix+"/+", depth-1, plus-1, variables)...)
	}
	if variables > 0 {
		all = append(all, mixes(prefix+"/"+namespaceVariable, depth-1, plus, variables-1)...)
	}
	return all
}

// nodesAtDepth is the bound of docs/policy.md: the mixes of a depth, by how
// many segments are "+" (i) and {namespace} (j).
func nodesAtDepth(depth int) int {
	total := 0
	for i := range maxWildcards + 1 {
		for j := range maxWildcards + 1 {
			total += choose(depth, i) * choose(depth-i, j)
		}
	}
	return total
}

func choose(n, k int) int {
	if k > n {
		return 0
	}
	result := 1
	for i := range k {
		result = result * (n - i) / (i + 1)
	}
	return result
}

// The worst policies that are allowed: every mix of literal, "+" and
// {namespace}, at every depth, with a path that all of them match. A rule that
// accepts nothing stands on each node, so that each visit is counted.
func TestWorstCaseVisits(t *testing.T) {
	page, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	bounds := []int{1, 4, 13, 40, 121, 362, 1065, 3054, 8461}
	for depth, bound := range bounds {
		var rules []fuzzedRule
		for below := range depth + 1 {
			for _, mix := range mixes("m", below, maxWildcards, maxWildcards) {
				rules = append(rules, fuzzedRule{NamespaceSelector{Names: []string{"*"}}, mix + "/*"})
			}
		}
		for _, rule := range rules {
			if errs := checkPattern(rule.pattern, map[string]Mount{"m": {}}, false, nil); len(errs) > 0 {
				t.Fatal(errs.ToAggregate())
			}
		}
		visits := 0
		s := search{namespace: "ns", accepts: func(int) bool { visits++; return false }}
		trieOf(rules, false).find("m"+strings.Repeat("/ns", depth)+"/ns", &s)
		want := 0
		for below := range depth + 1 {
			want += nodesAtDepth(below)
		}
		if visits != want || want != bound {
			t.Errorf("depth %d: %d visits; the formula says %d, the table %d", depth, visits, want, bound)
		}
		if visits > len(rules) {
			t.Errorf("depth %d: %d visits for %d patterns", depth, visits, len(rules))
		}
		if row := fmt.Sprintf("| %d | %d |\n", depth+2, bound); depth%2 == 0 && depth > 0 && !strings.Contains(string(page), row) {
			t.Errorf("docs/policy.md does not have the row %s", row)
		}
	}
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
