package vaultside

import "fmt"

func (c *collection) notef(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

func (c *collection) noteIdle(rules []string) {
	for _, rule := range rules {
		if !c.selected[rule] {
			c.notef("rule %q selects none of the given namespaces", rule)
		}
	}
}
