package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/countersign/countersign/policy"
)

// change is an object and what two policies say of it.
type change struct {
	object

	before, after policy.Answer
	effect        effect
}

// effect is the gist of a change.
type effect string

// The effects, in the order in which they are told.
const (
	newlyDenied  effect = "newly denied"
	newlyAllowed effect = "newly allowed"
	changed      effect = "changed"
	unchanged    effect = "unchanged"
)

func effects() []effect {
	return []effect{newlyDenied, newlyAllowed, changed, unchanged}
}

func (c *change) compare() effect {
	switch was, is := c.before.Verdict.Allowed(), c.after.Verdict.Allowed(); {
	case was && !is:
		return newlyDenied
	case is && !was:
		return newlyAllowed
	case !slices.Equal(decisions(c.before), decisions(c.after)):
		return changed
	}
	return unchanged
}

// decisions are what an answer comes to. Where a rule stands does not matter:
// the two policies are of files of different names.
func decisions(answer policy.Answer) []string {
	var all []string
	for _, violation := range answer.Verdict.Violations {
		all = append(all, fmt.Sprintf("%s %s %s", violation.Err.Field, violation.Mode, nameOf(violation.Rule)))
	}
	for i, grant := range answer.Verdict.Grants {
		all = append(all, fmt.Sprintf("%d %s %s", i, nameOf(grant.Rule), grant.ServiceAccount))
	}
	return all
}

// nameOf is the rule's name within its ConfigMap.
func nameOf(rule string) string { return rule[strings.LastIndexByte(rule, '/')+1:] }

// lines are what is said no more, and what is said now.
func (c *change) lines() []string {
	before, after := c.before.Lines(), c.after.Lines()
	var lines []string
	for _, line := range before {
		if !slices.Contains(after, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return lines
}

// changes are those of a change of policy.
type changes struct {
	before, after *policy.Policy
	all           []change
	unchanged     int
}

func (c *changes) add(one change) {
	if one.effect = one.compare(); one.effect != unchanged {
		c.all = append(c.all, one)
		c.unchanged--
	}
}

func (c *changes) sort() {
	slices.SortStableFunc(c.all, func(a, b change) int {
		return cmp.Or(cmp.Compare(slices.Index(effects(), a.effect), slices.Index(effects(), b.effect)),
			cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
}

func (c *changes) counts() map[effect]int {
	counts := map[effect]int{unchanged: c.unchanged, newlyDenied: 0, newlyAllowed: 0, changed: 0}
	for i := range c.all {
		counts[c.all[i].effect]++
	}
	return counts
}
