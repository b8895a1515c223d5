package vaultside

import (
	"errors"
	"slices"
)

// united makes one list of what may be read and what may be written. Vault asks
// one pattern only, so where a pattern of each kind touch, their cut tells both.
func united(readers, writers []member, divided map[string]bool) ([]member, error) {
	if len(writers) == 0 {
		return readers, nil
	}
	var read, write index
	for i, m := range readers {
		read.insert(m.pattern, i)
	}
	for i, m := range writers {
		write.insert(m.pattern, i)
	}
	patterns, err := touching(readers, writers, &write, divided)
	if err != nil {
		return nil, err
	}
	all := make([]member, len(patterns))
	for i, p := range patterns {
		all[i] = member{p, access{read: verdictOf(p, readers, &read).read, write: verdictOf(p, writers, &write).write}}
	}
	return all, nil
}

// touching are the patterns of both and their cuts, each once, and in place of
// those that are divided their parts.
func touching(readers, writers []member, write *index, divided map[string]bool) ([]pattern, error) {
	var all []pattern
	seen := map[string]bool{}
	var add func(pattern)
	add = func(p pattern) {
		text := p.String()
		switch {
		case seen[text]:
		case divided[text]:
			seen[text] = true
			for _, part := range p.divide() {
				add(part)
			}
		default:
			seen[text] = true
			all = append(all, p)
		}
	}
	for _, w := range writers {
		add(w.pattern)
	}
	for _, r := range readers {
		add(r.pattern)
		for _, i := range write.find(r.pattern) {
			if cut, ok := r.meet(writers[i].pattern); ok {
				add(cut)
			}
		}
		if len(all) > maxMembers {
			return nil, errors.New("what it reads crosses what it writes in too many ways; write with a role of its own")
		}
	}
	return all, nil
}

// verdictOf is that of the most specific member which matches all of a pattern;
// without one nothing is open.
func verdictOf(p pattern, members []member, numbers *index) access {
	var covering []member
	for _, i := range numbers.find(p) {
		if members[i].covers(p) {
			covering = append(covering, members[i])
		}
	}
	for _, m := range covering {
		isWider := func(other member) bool { return m.access != other.access && m.covers(other.pattern) }
		if !slices.ContainsFunc(covering, isWider) {
			return m.access
		}
	}
	return access{}
}
