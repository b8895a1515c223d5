package vaultside

import (
	"slices"
	"strings"
)

// index finds the patterns that share a path with another one, among
// thousands. It folds case, so what it finds is still to be compared.
type index struct {
	// next is by the next segment, "+" included.
	next map[string]*index
	// ends are of patterns that end here, rest of those with "*" here.
	ends, rest []int
}

func (x *index) insert(p pattern, number int) {
	at := x
	for _, segment := range p.segments {
		segment = strings.ToLower(segment)
		if at.next == nil {
			at.next = map[string]*index{}
		}
		if at.next[segment] == nil {
			at.next[segment] = &index{}
		}
		at = at.next[segment]
	}
	if p.rest {
		at.rest = append(at.rest, number)
		return
	}
	at.ends = append(at.ends, number)
}

// find returns the numbers of patterns, some perhaps more than once.
func (x *index) find(p pattern) []int {
	switch {
	case x == nil:
		return nil
	case len(p.segments) == 0 && !p.rest:
		return x.ends
	}
	found := slices.Clip(x.rest)
	if len(p.segments) == 0 {
		for _, below := range x.next {
			found = append(found, below.ends...)
			found = append(found, below.find(p)...)
		}
		return found
	}
	segment := strings.ToLower(p.segments[0])
	p.segments = p.segments[1:]
	if segment != plus {
		found = append(found, x.next[segment].find(p)...)
		return append(found, x.next[plus].find(p)...)
	}
	for _, below := range x.next {
		found = append(found, below.find(p)...)
	}
	return found
}
