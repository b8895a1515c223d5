package policy

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Evaluate judges a claim. Labels are those of the claim's namespace. A nil
// Policy denies everything: nothing has been compiled yet.
func (p *Policy) Evaluate(claim *Claim, labels map[string]string) *Verdict {
	if p == nil {
		return noPolicy(claim)
	}
	verdict := &Verdict{Grants: make([]Grant, len(claim.Reads)), Revision: p.revision}
	for _, problem := range claim.Problems {
		verdict.add(-1, Enforce, problem)
	}
	p.checkClaim(claim, verdict)
	for i := range claim.Reads {
		p.checkRead(claim, i, labels, verdict)
	}
	slices.SortStableFunc(verdict.Violations, func(a, b Violation) int {
		return compareFields(a.Err.Field, b.Err.Field)
	})
	return verdict
}

func noPolicy(claim *Claim) *Verdict {
	verdict := &Verdict{Grants: make([]Grant, len(claim.Reads))}
	verdict.add(-1, Enforce, field.Forbidden(field.NewPath("spec"),
		"no valid policy has been loaded yet; ask the operators of Countersign"))
	return verdict
}

func (v *Verdict) add(read int, mode Mode, err *field.Error) {
	v.Violations = append(v.Violations, Violation{Err: err, Mode: mode, Read: read})
}

func (p *Policy) checkClaim(claim *Claim, verdict *Verdict) {
	if len(claim.Reads) == 0 && len(claim.Problems) == 0 {
		verdict.add(-1, Enforce, field.Required(field.NewPath("spec"), "ask for at least one value"))
	}
	if n := claim.distinctPaths(); p.settings.MaxPaths > 0 && n > p.settings.MaxPaths {
		verdict.add(-1, Enforce, field.TooMany(field.NewPath("spec"), n, p.settings.MaxPaths))
	}
}

func (p *Policy) checkRead(claim *Claim, i int, labels map[string]string, verdict *Verdict) {
	read := &claim.Reads[i]
	if problem := PathProblem(read.Path); problem != "" {
		verdict.add(i, Enforce, field.Invalid(read.Field, read.Path, problem))
		return
	}
	if problem := p.reservedProblem(read.Path); problem != "" {
		verdict.add(i, Enforce, field.Forbidden(read.Field, fmt.Sprintf("%q: %s", read.Path, problem)))
		return
	}
	if claim.Role == "" {
		verdict.add(i, Enforce, field.Required(claim.RoleField, "name the Vault role; no default is configured"))
		return
	}
	if p.checkDenyRules(claim, i, labels, verdict) {
		return
	}
	if rule := p.findAllow(claim, read.Path, labels); rule >= 0 {
		verdict.Grants[i] = Grant{Rule: p.allow[rule].name, ServiceAccount: cmp.Or(claim.ServiceAccount, p.allow[rule].serviceAccount)}
		return
	}
	verdict.add(i, p.settings.Enforcement.mode(claim.Namespace), field.Forbidden(read.Field, p.whyNot(claim, read.Path, labels)))
}

// checkDenyRules reports whether an enforced deny rule matched. Enforced rules
// sort before staged ones, so the first match decides.
func (p *Policy) checkDenyRules(claim *Claim, i int, labels map[string]string, verdict *Verdict) bool {
	s := search{namespace: claim.Namespace, labels: labels, fold: true, accepts: func(rule int) bool {
		return p.deny[rule].namespaces.matches(claim.Namespace, labels)
	}}
	p.denied.find(claim.Reads[i].Path, &s)
	if s.best < 0 {
		return false
	}
	rule := &p.deny[s.best]
	detail := fmt.Sprintf("%q is denied by rule %q", claim.Reads[i].Path, rule.name)
	if rule.reason != "" {
		detail += ": " + rule.reason
	}
	verdict.Violations = append(verdict.Violations, Violation{
		Err: field.Forbidden(claim.Reads[i].Field, detail), Mode: rule.mode, Rule: rule.name, Read: i,
	})
	return rule.mode == Enforce
}

// findAllow is the first rule that grants the whole tuple, or -1.
func (p *Policy) findAllow(claim *Claim, path string, labels map[string]string) int {
	s := search{namespace: claim.Namespace, labels: labels, accepts: func(rule int) bool {
		return p.grants(&p.allow[rule], claim, labels)
	}}
	p.allowed.find(path, &s)
	return s.best
}

func (p *Policy) grants(rule *allowRule, claim *Claim, labels map[string]string) bool {
	return rule.namespaces.matches(claim.Namespace, labels) && p.mismatch(rule, claim) == partNone
}

// part of a rule, besides its namespaces and paths.
type part string

const (
	partNone           part = ""
	partVault          part = "Vault"
	partVaultNamespace part = "Vault namespace"
	partAuthMount      part = "auth mount"
	partAuthMethod     part = "auth method"
	partRole           part = "role"
	partIdentity       part = "identity"
)

// parts are all of them, in the order in which a mismatch is told.
func parts() [6]part {
	return [...]part{partRole, partAuthMount, partAuthMethod, partVault, partVaultNamespace, partIdentity}
}

// mismatch is the first part of the rule that does not match the claim.
func (p *Policy) mismatch(rule *allowRule, claim *Claim) part {
	for _, one := range parts() {
		if !p.partMatches(rule, one, claim) {
			return one
		}
	}
	return partNone
}

func (p *Policy) partMatches(rule *allowRule, of part, claim *Claim) bool {
	switch of {
	case partRole:
		return anyMatches(rule.roles, claim.Role, claim.Namespace)
	case partAuthMount:
		return p.allowsAuthMount(rule, claim)
	case partAuthMethod:
		return slices.Contains(rule.authMethods, claim.method())
	case partVault:
		return slices.Contains(rule.vaults, claim.Vault)
	case partVaultNamespace:
		return p.allowsVaultNamespace(rule, claim)
	case partIdentity:
		return claim.ServiceAccount == "" || claim.ServiceAccount == rule.serviceAccount
	case partNone:
	}
	return true
}

func (p *Policy) allowsAuthMount(rule *allowRule, claim *Claim) bool {
	if len(rule.authMounts) == 0 {
		return claim.AuthMount == p.settings.DefaultAuthMounts[claim.Vault]
	}
	return anyMatches(rule.authMounts, claim.AuthMount, claim.Namespace)
}

func (p *Policy) allowsVaultNamespace(rule *allowRule, claim *Claim) bool {
	if len(rule.vaultNamespaces) == 0 {
		return claim.VaultNamespace == p.settings.VaultNamespaces[claim.Vault]
	}
	return slices.Contains(rule.vaultNamespaces, claim.VaultNamespace)
}

func anyMatches(templates []nameTemplate, s, namespace string) bool {
	for i := range templates {
		if templates[i].matches(s, namespace) {
			return true
		}
	}
	return false
}
