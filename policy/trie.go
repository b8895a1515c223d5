package policy

import (
	"bytes"
	"slices"
	"strings"
)

// trie finds the rules whose pattern matches a path, in time that grows with
// the path and not with the number of rules.
type trie struct {
	literal   map[string]*trie
	plus      *trie
	namespace *trie
	// exact are the rules whose pattern ends here, rest those with a final "*".
	exact, rest terminal
}

// terminal keeps its rules by what selects a namespace, so that thousands of
// namespaces may have a rule for one shared pattern.
type terminal struct {
	byName, byPrefix map[string][]int
	// prefixLengths are those that byPrefix has.
	prefixLengths []int
	// byLabel has each rule under one of its labels.
	byLabel map[label][]int
}

func (t *terminal) add(rule int, namespaces *namespaceMatcher) {
	for name := range namespaces.exact {
		appendTo(&t.byName, name, rule)
	}
	for _, prefix := range namespaces.prefixes {
		appendTo(&t.byPrefix, prefix, rule)
		if !slices.Contains(t.prefixLengths, len(prefix)) {
			t.prefixLengths = append(t.prefixLengths, len(prefix))
		}
	}
	if len(namespaces.labels) > 0 {
		appendTo(&t.byLabel, namespaces.index, rule)
	}
}

func appendTo[K comparable](index *map[K][]int, key K, rule int) {
	if *index == nil {
		*index = map[K][]int{}
	}
	(*index)[key] = append((*index)[key], rule)
}

// newTrie inserts rules in their order.
func newTrie(rules int, rule func(int) ([]string, *namespaceMatcher)) *trie {
	matchers := make([]*namespaceMatcher, rules)
	for i := range matchers {
		_, matchers[i] = rule(i)
	}
	chooseIndexes(matchers)
	root := &trie{}
	for i, namespaces := range matchers {
		patterns, _ := rule(i)
		for _, pattern := range patterns {
			root.insert(pattern, i, namespaces)
		}
	}
	return root
}

func (n *trie) insert(pattern string, rule int, namespaces *namespaceMatcher) {
	at := n
	for rest, more := pattern, true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if segment == "*" {
			at.rest.add(rule, namespaces)
			return
		}
		at = at.child(segment)
	}
	at.exact.add(rule, namespaces)
}

func (n *trie) child(segment string) *trie {
	switch segment {
	case "+":
		return orNew(&n.plus)
	case namespaceVariable:
		return orNew(&n.namespace)
	}
	if n.literal == nil {
		n.literal = map[string]*trie{}
	}
	if n.literal[segment] == nil {
		n.literal[segment] = &trie{}
	}
	return n.literal[segment]
}

func orNew(slot **trie) *trie {
	if *slot == nil {
		*slot = &trie{}
	}
	return *slot
}

// search walks the trie for one path. It keeps the first rule, in the order in
// which they were inserted, that accepts, so that a verdict names the same rule
// always.
type search struct {
	namespace string
	labels    map[string]string
	fold      bool
	// cover looks for patterns that match whatever another pattern matches, in
	// every namespace. The namespace is then one of those of the other pattern's
	// rule, and only says where to look.
	cover bool
	// extent is of the path that is searched for.
	extent  extent
	accepts func(rule int) bool
	best    int
}

// find looks for rules that match a path.
func (n *trie) find(path string, s *search) {
	s.best = -1
	// Folding a copy on the stack allocates nothing.
	var buffer [maxPathBytes]byte
	spelt := append(buffer[:0], path...)
	if s.fold {
		foldASCII(spelt)
	}
	n.walk(spelt, s)
}

func foldASCII(path []byte) {
	for i, c := range path {
		if c >= 'A' && c <= 'Z' {
			path[i] = c + 'a' - 'A'
		}
	}
}

// findCover looks for rules that match every path that a pattern matches.
func (n *trie) findCover(pattern string, s *search) {
	s.cover = true
	n.find(pattern, s)
}

func (n *trie) walk(path []byte, s *search) {
	n.rest.consider(s)
	segment, rest, more := bytes.Cut(path, []byte("/"))
	if s.cover && string(segment) == "*" {
		return
	}
	isVariable := string(segment) == namespaceVariable
	if !isVariable && string(segment) != "+" {
		n.literal[string(segment)].step(rest, more, s)
	}
	n.plus.step(rest, more, s)
	if s.cover && isVariable || !s.cover && string(segment) == s.namespace {
		n.namespace.step(rest, more, s)
	}
}

func (n *trie) step(rest []byte, more bool, s *search) {
	switch {
	case n == nil:
	case more:
		n.walk(rest, s)
	default:
		n.end(s)
	}
}

func (t *terminal) consider(s *search) { t.lists(s.namespace, s.labels, s.first) }

// lists visits each list of rules that may select a namespace.
func (t *terminal) lists(namespace string, labels map[string]string, visit func(rules []int)) {
	visit(t.byName[namespace])
	for _, length := range t.prefixLengths {
		if length <= len(namespace) {
			visit(t.byPrefix[namespace[:length]])
		}
	}
	if len(t.byLabel) > 0 {
		for key, value := range labels {
			visit(t.byLabel[label{key, value}])
		}
	}
}

// first relies on rules being inserted in order.
func (s *search) first(rules []int) {
	for _, rule := range rules {
		if s.best >= 0 && rule >= s.best {
			return
		}
		if s.accepts(rule) {
			s.best = rule
			return
		}
	}
}
