package vaultside

import (
	"cmp"
	"errors"
	"slices"
)

// maxMembers bounds one ACL policy. Only deny rules that differ between the
// namespaces of one role and cross each other by "+" come near it.
const maxMembers = 200_000

// Path is one path of an ACL policy: readable, writable or both, or else denied.
type Path struct {
	Pattern     string
	Read, Write bool
}

// tenant is what one namespace may do with a role: what it is allowed, less
// what it is denied.
type tenant struct{ read, write, deny []pattern }

// allowance is what one namespace may do of one kind, reading or writing.
type allowance struct{ allow, deny []pattern }

// acl is what all tenants of one role may do of one kind, under construction.
type acl struct {
	tenants []allowance
	// allow and deny are those of all tenants.
	allow, deny []pattern
	// allowing finds the tenants of a path, denying the patterns in deny.
	allowing, denying index
	// divided are patterns to be replaced, so that Vault ranks them right.
	divided map[string]bool
	members map[string]judged
}

// judged is a pattern whose paths are allowed or denied.
type judged struct {
	pattern

	deny bool
}

// list has the members with what the allowed ones are open to.
func (a *acl) list(open access) []member {
	var all []member
	for _, m := range a.members {
		if m.deny {
			all = append(all, member{pattern: m.pattern})
			continue
		}
		all = append(all, member{m.pattern, open})
	}
	return all
}

type member struct {
	pattern
	access
}

// access is what the paths of a member are open to; neither is denied.
type access struct{ read, write bool }

// newACL makes the paths that let a role do what any of its tenants may do.
func newACL(tenants []tenant) ([]Path, error) {
	divided := map[string]bool{}
	readers := prepare(tenants, divided, func(t tenant) []pattern { return t.read })
	writers := prepare(tenants, divided, func(t tenant) []pattern { return t.write })
	for {
		if err := errors.Join(readers.close(), writers.close()); err != nil {
			return nil, err
		}
		all, err := united(readers.list(access{read: true}), writers.list(access{write: true}), divided)
		if err != nil {
			return nil, err
		}
		members := needed(all)
		wrong := outranked(members)
		if len(wrong) == 0 {
			return paths(members), nil
		}
		for _, wide := range wrong {
			divided[wide.String()] = true
		}
	}
}

// prepare takes the tenants' allowances of one kind.
func prepare(tenants []tenant, divided map[string]bool, kind func(tenant) []pattern) *acl {
	a := &acl{divided: divided}
	for _, t := range tenants {
		a.tenants = append(a.tenants, allowance{kind(t), t.deny})
	}
	for i, t := range a.tenants {
		a.allow, a.deny = append(a.allow, t.allow...), append(a.deny, t.deny...)
		for _, p := range t.allow {
			a.allowing.insert(p, i)
		}
	}
	a.allow, a.deny = distinct(a.allow), distinct(a.deny)
	for i, p := range a.deny {
		a.denying.insert(p, i)
	}
	return a
}

func distinct(patterns []pattern) []pattern {
	seen := map[string]bool{}
	return slices.DeleteFunc(patterns, func(p pattern) bool {
		text := p.String()
		known := seen[text]
		seen[text] = true
		return known
	})
}

// close cuts what is allowed with what is denied, and the cuts with each other,
// until the most specific member tells the verdict of each path. A member all
// of whose paths have one verdict is not cut.
func (a *acl) close() error {
	a.members = map[string]judged{}
	work := slices.Clone(a.allow)
	for len(work) > 0 {
		if len(a.members)+len(work) > maxMembers {
			return errors.New("its deny rules cross each other in too many ways; give namespaces with deny rules of their own a role of their own")
		}
		last := len(work) - 1
		next := work[last]
		work = append(work[:last], a.add(next)...)
	}
	return nil
}

// add takes a member in, and returns what has to follow.
func (a *acl) add(p pattern) []pattern {
	text := p.String()
	if a.divided[text] {
		return p.divide()
	}
	if _, known := a.members[text]; known {
		return nil
	}
	denied := cuts(p, a.deny, a.denying.find(p))
	deny, final := len(denied) > 0, true
	if deny {
		deny, final = a.judge(p)
	}
	a.members[text] = judged{p, deny}
	switch {
	case final:
		return nil
	case deny:
		return append(denied, a.allowedWithin(p)...)
	default:
		return denied
	}
}

// judge says what is to become of the paths that no more specific member
// matches: readable if one tenant may read them. The verdict is final if all
// paths of the pattern are denied.
func (a *acl) judge(p pattern) (deny, final bool) {
	final = true
	for _, i := range a.allowing.find(p) {
		t := &a.tenants[i]
		switch {
		case coveredByAny(t.deny, p):
		case coveredByAny(t.allow, p):
			return false, false
		case overlapsAny(t.allow, p):
			final = false
		}
	}
	return true, final
}

func (a *acl) allowedWithin(p pattern) []pattern {
	var all []pattern
	for _, i := range a.allowing.find(p) {
		for _, other := range a.tenants[i].allow {
			if cut, ok := p.meet(other); ok {
				all = append(all, cut)
			}
		}
	}
	return all
}

func cuts(p pattern, with []pattern, numbers []int) []pattern {
	var all []pattern
	for _, i := range numbers {
		if cut, ok := p.meet(with[i]); ok {
			all = append(all, cut)
		}
	}
	return all
}

// needed leaves out what a wider member says already, unless a wider one says
// otherwise, and sorts the rest.
func needed(members []member) []member {
	slices.SortFunc(members, func(x, y member) int { return cmp.Compare(x.String(), y.String()) })
	var all index
	for i, m := range members {
		all.insert(m.pattern, i)
	}
	var kept []member
	for i, m := range members {
		same, other := false, false
		for _, j := range all.find(m.pattern) {
			if wider := i != j && members[j].covers(m.pattern); wider {
				same, other = same || members[j].access == m.access, other || members[j].access != m.access
			}
		}
		if other || !same {
			kept = append(kept, m)
		}
	}
	return kept
}

func paths(members []member) []Path {
	all := make([]Path, len(members))
	for i, m := range members {
		all[i] = Path{Pattern: m.String(), Read: m.read, Write: m.write}
	}
	return all
}
