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

// terminal keeps the rules that select a namespace by its exact name apart, so
// that thousands of namespaces may have a rule for one shared path.
type terminal struct {
	byName map[string][]int
	others []int
}

func (t *terminal) add(rule int, namespaces *namespaceMatcher) {
	if !namespaces.onlyExact() {
		t.others = append(t.others, rule)
		return
	}
	if t.byName == nil {
		t.byName = map[string][]int{}
	}
	for name := range namespaces.exact {
		t.byName[name] = append(t.byName[name], rule)
	}
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

// search walks the trie for one path. It keeps the first rule, in the order of
// the rules' names, that accepts, so that a verdict names the same rule always.
type search struct {
	namespace string
	fold      bool
	accepts   func(rule int) bool
	best      int
}

func (n *trie) find(path string, s *search) {
	s.best = -1
	n.walk(path, s)
}

func (n *trie) walk(path string, s *search) {
	n.rest.consider(s)
	segment, rest, more := strings.Cut(path, "/")
	if s.fold {
		segment = strings.ToLower(segment)
	}
	n.literal[segment].step(rest, more, s)
	n.plus.step(rest, more, s)
	if segment == s.namespace {
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
	s.first(t.byName[s.namespace])
	s.first(t.others)
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
