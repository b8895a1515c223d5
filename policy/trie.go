package policy

import "strings"

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
	// byLabel has each rule under one of its labels.
	byLabel map[label][]int
	all     []int
}

type label struct{ key, value string }

func (t *terminal) add(rule int, namespaces *namespaceMatcher) {
	t.all = append(t.all, rule)
	for name := range namespaces.exact {
		appendTo(&t.byName, name, rule)
	}
	for _, prefix := range namespaces.prefixes {
		appendTo(&t.byPrefix, prefix, rule)
	}
	if first, ok := namespaces.firstLabel(); ok {
		appendTo(&t.byLabel, first, rule)
	}
}

func appendTo[K comparable](index *map[K][]int, key K, rule int) {
	if *index == nil {
		*index = map[K][]int{}
	}
	(*index)[key] = append((*index)[key], rule)
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
	// cover looks for patterns that match whatever another pattern matches.
	cover   bool
	accepts func(rule int) bool
	best    int
}

// find looks for rules that match a path.
func (n *trie) find(path string, s *search) {
	s.best = -1
	n.walk(path, s)
}

// findCover looks for rules that match every path that a pattern matches, in
// every namespace.
func (n *trie) findCover(pattern string, s *search) {
	s.cover = true
	n.find(pattern, s)
}

func (n *trie) walk(path string, s *search) {
	n.rest.consider(s)
	segment, rest, more := strings.Cut(path, "/")
	if s.fold {
		segment = strings.ToLower(segment)
	}
	if s.cover && segment == "*" {
		return
	}
	if segment != "+" && segment != namespaceVariable {
		n.literal[segment].step(rest, more, s)
	}
	n.plus.step(rest, more, s)
	if segment == s.namespace || s.cover && segment == namespaceVariable {
		n.namespace.step(rest, more, s)
	}
}

func (n *trie) step(rest string, more bool, s *search) {
	switch {
	case n == nil:
	case more:
		n.walk(rest, s)
	default:
		n.exact.consider(s)
	}
}

func (t *terminal) consider(s *search) {
	if s.cover {
		s.first(t.all)
		return
	}
	s.first(t.byName[s.namespace])
	if len(t.byPrefix) > 0 {
		for i := range len(s.namespace) + 1 {
			s.first(t.byPrefix[s.namespace[:i]])
		}
	}
	if len(t.byLabel) > 0 {
		for key, value := range s.labels {
			s.first(t.byLabel[label{key, value}])
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
