package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkLogin judges a claim that asks for a login alone: some rule of the
// namespace has to let it log in just so, whatever may be read then.
func (p *Policy) checkLogin(claim *Claim, labels map[string]string, verdict *Verdict) {
	switch {
	case !claim.Login:
	case claim.Role == "":
		verdict.add(-1, Enforce, missingRole(claim))
	default:
		mine := p.rulesOf(claim.Namespace, labels)
		for _, rule := range mine {
			if p.mismatch(rule, claim, nil) == partNone {
				return
			}
		}
		verdict.add(-1, p.settings.Enforcement.mode(claim.Namespace), field.Forbidden(claim.RoleField, p.whyNoLogin(claim, mine)))
	}
}

func missingRole(claim *Claim) *field.Error {
	return field.Required(claim.RoleField, "name the Vault role; no default is configured")
}

func (p *Policy) whyNoLogin(claim *Claim, mine []*allowRule) string {
	intro := fmt.Sprintf("logging in with role %.256q is not allowed in namespace %q: ", claim.Role, claim.Namespace)
	if len(mine) == 0 {
		return intro + noRules
	}
	var parts []string
	for i, rule := range mine {
		if i == maxNamedRules {
			parts = append(parts, fmt.Sprintf("and %d more", len(mine)-i))
			break
		}
		mismatched := p.mismatch(rule, claim, nil)
		parts = append(parts, fmt.Sprintf("rule %q wants %s %s, not %s",
			rule.name, mismatched, p.wants(rule, mismatched, claim), p.has(mismatched, claim, nil)))
	}
	return intro + strings.Join(parts, "; ")
}
