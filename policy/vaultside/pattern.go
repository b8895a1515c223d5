package vaultside

import (
	"slices"
	"strings"
)

const plus = "+"

// pattern matches paths segment by segment; "+" is any one segment. The syntax
// is the same in a policy and in Vault. Vault's final "*" also matches nothing,
// but then the path ends in a slash and is not canonical.
// https://developer.hashicorp.com/vault/docs/concepts/policies#policy-syntax
type pattern struct {
	segments []string
	// rest is the final "*": one or more segments follow.
	rest bool
	// fold holds for deny rules, which match with case folded.
	fold bool
}

func parsePattern(text string) pattern {
	segments := strings.Split(text, "/")
	last := len(segments) - 1
	if segments[last] == "*" {
		return pattern{segments: segments[:last], rest: true}
	}
	return pattern{segments: segments}
}

func (p pattern) String() string {
	text := strings.Join(p.segments, "/")
	if p.rest {
		text += "/*"
	}
	return text
}

// meet matches what both match. It is spelt like p, wherever p says more than
// "+".
func (p pattern) meet(q pattern) (pattern, bool) {
	if !p.overlaps(q) {
		return pattern{}, false
	}
	longer := p
	if len(q.segments) > len(p.segments) {
		longer = q
	}
	segments := slices.Clone(longer.segments)
	for i := range min(len(p.segments), len(q.segments)) {
		segments[i] = p.segments[i]
		if segments[i] == plus {
			segments[i] = q.segments[i]
		}
	}
	return pattern{segments: segments, rest: longer.rest}, true
}

// overlaps reports whether some path matches both.
func (p pattern) overlaps(q pattern) bool {
	short, long := p, q
	if len(p.segments) > len(q.segments) {
		short, long = q, p
	}
	if len(short.segments) == len(long.segments) && short.rest != long.rest {
		return false
	}
	if len(short.segments) < len(long.segments) && !short.rest {
		return false
	}
	fold := p.fold || q.fold
	for i, segment := range short.segments {
		if segment != plus && long.segments[i] != plus && !same(segment, long.segments[i], fold) {
			return false
		}
	}
	return true
}

// covers reports whether p matches whatever q matches.
func (p pattern) covers(q pattern) bool {
	switch {
	case len(p.segments) > len(q.segments):
		return false
	case len(p.segments) == len(q.segments) && p.rest != q.rest:
		return false
	case len(p.segments) < len(q.segments) && !p.rest:
		return false
	}
	for i, segment := range p.segments {
		if segment != plus && !same(segment, q.segments[i], p.fold) {
			return false
		}
	}
	return true
}

func same(a, b string, fold bool) bool {
	return a == b || fold && strings.EqualFold(a, b)
}

// divide splits "a/*" into "a/+" and "a/+/*", which together match the same.
func (p pattern) divide() []pattern {
	longer := append(slices.Clone(p.segments), plus)
	return []pattern{{segments: longer}, {segments: longer, rest: true}}
}

func coveredByAny(patterns []pattern, p pattern) bool {
	return slices.ContainsFunc(patterns, func(one pattern) bool { return one.covers(p) })
}

func overlapsAny(patterns []pattern, p pattern) bool {
	return slices.ContainsFunc(patterns, func(one pattern) bool { return one.overlaps(p) })
}
