package vaultside

import "strings"

// outranked finds the patterns that Vault would prefer to a more specific one
// of another verdict. Of two patterns that match, Vault takes the one whose
// first wildcard comes later, then the one without a final "*", then the one
// with fewer "+", then the longer one. The more specific of two patterns loses
// in one case only: both begin with the same literals, both end in "*", and
// "a/+/b/*" has more "+" than "a/*". Divided into "a/+" and "a/+/*" the wider
// one loses, as it should.
// https://developer.hashicorp.com/vault/docs/concepts/policies#priority-matching
func outranked(members []member) []pattern {
	groups := map[string][]member{}
	for _, m := range members {
		if m.rest {
			literals := m.literals()
			groups[literals] = append(groups[literals], m)
		}
	}
	var found []pattern
	for _, group := range groups {
		for _, wide := range group {
			if wide.outranksAny(group) {
				found = append(found, wide.pattern)
			}
		}
	}
	return found
}

func (m member) outranksAny(others []member) bool {
	for _, other := range others {
		if m.access != other.access && m.pluses() < other.pluses() && m.covers(other.pattern) {
			return true
		}
	}
	return false
}

// literals are what stands before the first wildcard.
func (p pattern) literals() string {
	for i, segment := range p.segments {
		if segment == plus {
			return strings.Join(p.segments[:i], "/")
		}
	}
	return strings.Join(p.segments, "/")
}

func (p pattern) pluses() int {
	n := 0
	for _, segment := range p.segments {
		if segment == plus {
			n++
		}
	}
	return n
}
