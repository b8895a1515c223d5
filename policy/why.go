package policy

import (
	"fmt"
	"slices"
	"strings"
)

const maxNamedRules = 3

// whyNot explains a default deny: which part of which rule does not match, and
// what would be allowed. Only rules of the claim's own namespace are named. It
// runs after a denial only, and takes time in the number of those rules.
func (p *Policy) whyNot(claim *Claim, read *Read, labels map[string]string) string {
	intro := fmt.Sprintf("%s with role %.256q is not allowed in namespace %q: ", read, claim.Role, claim.Namespace)
	mine := p.rulesOf(claim.Namespace, labels)
	if len(mine) == 0 {
		return intro + noRules
	}
	if pathRules := rulesWithPath(mine, read, claim.Namespace); len(pathRules) > 0 {
		return intro + p.otherPart(pathRules[0], claim, read)
	}
	none := "no rule allows the path"
	if read.Subtree {
		none = "no path of a rule covers all of it"
	}
	return intro + none + "; allowed here: " + describe(mine, claim.Namespace)
}

const noRules = "no rule allows this namespace anything; ask whoever administers the policy for one"

// rulesOf are the allow rules of a namespace, in their order.
func (p *Policy) rulesOf(namespace string, labels map[string]string) []*allowRule {
	var found []int
	p.byNamespace.lists(namespace, labels, func(rules []int) { found = append(found, rules...) })
	slices.Sort(found)
	var mine []*allowRule
	for _, i := range slices.Compact(found) {
		if p.allow[i].namespaces.matches(namespace, labels) {
			mine = append(mine, &p.allow[i])
		}
	}
	return mine
}

func rulesWithPath(rules []*allowRule, read *Read, namespace string) []*allowRule {
	var matching []*allowRule
	for _, rule := range rules {
		if grantsPath(rule.paths, read, namespace) {
			matching = append(matching, rule)
		}
	}
	return matching
}

// grantsPath reports whether one of the patterns matches all of the read.
func grantsPath(patterns []string, read *Read, namespace string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if read.Subtree {
			return coversBelow(pattern, read.Path, namespace)
		}
		return MatchesPattern(pattern, read.Path, namespace)
	})
}

// otherPart says which part of a rule that has the path does not match.
func (p *Policy) otherPart(rule *allowRule, claim *Claim, read *Read) string {
	mismatched := p.mismatch(rule, claim, read)
	return fmt.Sprintf("rule %q allows the path, but only with %s %s, not %s",
		rule.name, mismatched, p.wants(rule, mismatched, claim), p.has(mismatched, claim, read))
}

// wants is what a part of a rule allows.
func (p *Policy) wants(rule *allowRule, of part, claim *Claim) string {
	switch of {
	case partRole:
		return expandAll(rule.roles, claim.Namespace)
	case partAuthMount:
		if len(rule.authMounts) == 0 {
			return fmt.Sprintf("%q", p.settings.DefaultAuthMounts[claim.Vault])
		}
		return expandAll(rule.authMounts, claim.Namespace)
	case partAuthMethod:
		return orList(rule.authMethods)
	case partVault:
		return orList(rule.vaults)
	case partVaultNamespace:
		if len(rule.vaultNamespaces) == 0 {
			return fmt.Sprintf("%q", p.settings.VaultNamespaces[claim.Vault])
		}
		return orList(rule.vaultNamespaces)
	case partIdentity:
		return identityText(rule.identity.Namespace, rule.identity.ServiceAccount, claim)
	case partOperation:
		return orList(rule.operations)
	case partNone:
	}
	return ""
}

// has is what a claim has for a part.
func (*Policy) has(of part, claim *Claim, read *Read) string {
	switch of {
	case partIdentity:
		return identityText(claim.ServiceAccountNamespace, claim.ServiceAccount, claim)
	case partOperation:
		return fmt.Sprintf("%q", read.operation())
	default:
	}
	return fmt.Sprintf("%.256q", map[part]string{
		partRole: claim.Role, partAuthMount: claim.AuthMount, partAuthMethod: claim.method(),
		partVault: claim.Vault, partVaultNamespace: claim.VaultNamespace,
	}[of])
}

func identityText(namespace, serviceAccount string, claim *Claim) string {
	switch {
	case serviceAccount == "" && claim.OwnIdentity:
		return "of the controller itself"
	case serviceAccount == "":
		return "of Countersign itself"
	case namespace == "" || namespace == claim.Namespace:
		return fmt.Sprintf("%.256q", serviceAccount)
	default:
		return fmt.Sprintf("%.256q of namespace %.256q", serviceAccount, namespace)
	}
}

func describe(rules []*allowRule, namespace string) string {
	var parts []string
	for i, rule := range rules {
		if i == maxNamedRules {
			parts = append(parts, fmt.Sprintf("and %d more", len(rules)-i))
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
	names := make([]string, len(templates))
	for i, template := range templates {
		names[i] = template.expand(namespace)
	}
	return orList(names)
}

// orList is the first few names.
func orList[S ~string](names []S) string {
	var quoted []string
	for _, name := range names[:min(len(names), maxNamedRules)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if len(names) > maxNamedRules {
		quoted = append(quoted, "...")
	}
	return strings.Join(quoted, " or ")
}
