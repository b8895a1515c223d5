package policy

import (
	"fmt"
	"strings"
)

// extent is how much a search asks of the paths at and below its path.
type extent int

const (
	// onePath is the path itself.
	onePath extent = iota
	// allBelow asks for a pattern that matches each path below.
	allBelow
	// anyBelow asks for a pattern that matches some path below.
	anyBelow
)

// subtreeProblem is PathProblem for what everything below is asked of.
func subtreeProblem(path string) string {
	problem := shapeProblem(path + "/x")
	if problem == "" {
		return ""
	}
	if want := canonicalSpelling(path); want != path && shapeProblem(want+"/x") == "" {
		return fmt.Sprintf("not a canonical Vault path: %s; write %q", problem, want)
	}
	return "not a canonical Vault path: " + problem
}

// reservedBelow: outside the declared mounts, a reserved name may follow behind
// a Vault namespace.
func (p *Policy) reservedBelow(path string) string {
	if p.underMount(path + "/") {
		return ""
	}
	return "Vault's reserved names may be below, and those are never readable; name a mount that the policy declares"
}

// end considers the patterns that have matched the whole path of a search.
func (n *trie) end(s *search) {
	switch s.extent {
	case onePath:
		n.exact.consider(s)
	case allBelow:
		n.rest.consider(s)
	case anyBelow:
		n.rest.consider(s)
		n.eachChild(func(child *trie) { child.all(s) })
	}
}

// all considers the patterns at and below a node: some path matches each.
func (n *trie) all(s *search) {
	n.exact.consider(s)
	n.rest.consider(s)
	n.eachChild(func(child *trie) { child.all(s) })
}

func (n *trie) eachChild(visit func(*trie)) {
	for _, child := range n.literal {
		visit(child)
	}
	for _, child := range []*trie{n.plus, n.namespace} {
		if child != nil {
			visit(child)
		}
	}
}

// Meets reports whether a pattern matches the path, or any of the paths that are
// asked for below it.
func (r *Read) Meets(pattern, namespace string) bool {
	if r.Subtree {
		return meetsBelow(pattern, r.Path, namespace)
	}
	return MatchesPattern(pattern, r.Path, namespace)
}

// coversBelow compares one pattern with everything below a path.
func coversBelow(pattern, path, namespace string) bool {
	return strings.HasSuffix(pattern, "/*") && MatchesPattern(pattern, path+"/x", namespace)
}

// meetsBelow compares one pattern with something below a path.
func meetsBelow(pattern, path, namespace string) bool {
	_, below := compare(pattern, path, namespace)
	return below
}
