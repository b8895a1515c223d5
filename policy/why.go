package policy

import (
	"fmt"
	"strings"
)

const maxNamedRules = 3

// whyNot explains a default deny: which part of which rule does not match, and
// what would be allowed. Only rules of the claim's own namespace are named. It
// runs after a denial only, and may take time in the number of rules.
func (p *Policy) whyNot(claim *Claim, path string, labels map[string]string) string {
	intro := fmt.Sprintf("%q with role %q is not allowed in namespace %q: ", path, claim.Role, claim.Namespace)
	mine := p.rulesOf(claim.Namespace, labels)
	if len(mine) == 0 {
		return intro + "no rule allows this namespace anything; ask whoever administers the policy for one"
	}
	if pathRules := rulesWithPath(mine, path, claim.Namespace); len(pathRules) > 0 {
		return intro + p.otherPart(pathRules[0], claim)
	}
	return intro + "no rule allows the path; allowed here: " + describe(mine, claim.Namespace)
}

func (p *Policy) rulesOf(namespace string, labels map[string]string) []*allowRule {
	var mine []*allowRule
	for i := range p.allow {
		if p.allow[i].namespaces.matches(namespace, labels) {
			mine = append(mine, &p.allow[i])
		}
	}
	return mine
}

func rulesWithPath(rules []*allowRule, path, namespace string) []*allowRule {
	var matching []*allowRule
	for _, rule := range rules {
		one := &trie{}
		for _, pattern := range rule.paths {
			one.insert(pattern, 0, &namespaceMatcher{prefixes: []string{""}})
		}
		s := search{namespace: namespace, accepts: func(int) bool { return true }}
		if one.find(path, &s); s.best >= 0 {
			matching = append(matching, rule)
		}
	}
	return matching
}

// otherPart says which part of a rule that has the path does not match.
func (p *Policy) otherPart(rule *allowRule, claim *Claim) string {
	switch {
	case !anyMatches(rule.roles, claim.Role, claim.Namespace):
		return fmt.Sprintf("rule %q allows the path, but only with role %s", rule.name, expandAll(rule.roles, claim.Namespace))
	case !p.allowsAuthMount(rule, claim):
		mounts := fmt.Sprintf("%q", p.settings.DefaultAuthMounts[claim.Vault])
		if len(rule.authMounts) > 0 {
			mounts = expandAll(rule.authMounts, claim.Namespace)
		}
		return fmt.Sprintf("rule %q allows the path, but only with auth mount %s, not %q", rule.name, mounts, claim.AuthMount)
	}
	return fmt.Sprintf("rule %q allows the path, but not in Vault %q", rule.name, claim.Vault)
}

func describe(rules []*allowRule, namespace string) string {
	var parts []string
	for i, rule := range rules {
		if i == maxNamedRules {
			parts = append(parts, fmt.Sprintf("and %d more rules", len(rules)-i))
			break
		}
		paths := rule.paths[:min(len(rule.paths), maxNamedRules)]
		expanded := strings.ReplaceAll(strings.Join(paths, ", "), namespaceVariable, namespace)
		if len(paths) < len(rule.paths) {
			expanded += ", ..."
		}
		parts = append(parts, fmt.Sprintf("%s with role %s (rule %q)", expanded, expandAll(rule.roles, namespace), rule.name))
	}
	return strings.Join(parts, "; ")
}

func expandAll(templates []nameTemplate, namespace string) string {
	var names []string
	for _, template := range templates[:min(len(templates), maxNamedRules)] {
		names = append(names, fmt.Sprintf("%q", template.expand(namespace)))
	}
	if len(templates) > maxNamedRules {
		names = append(names, "...")
	}
	return strings.Join(names, " or ")
}
