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
	p.checkLogin(claim, labels, verdict)
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
	if len(claim.Reads) == 0 && len(claim.Problems) == 0 && !claim.Login {
		verdict.add(-1, Enforce, field.Required(field.NewPath("spec"), "ask for at least one value"))
	}
	if n := claim.distinctPaths(); p.settings.MaxPaths > 0 && n > p.settings.MaxPaths {
		verdict.add(-1, Enforce, field.TooMany(field.NewPath("spec"), n, p.settings.MaxPaths))
	}
}

func (p *Policy) checkRead(claim *Claim, i int, labels map[string]string, verdict *Verdict) {
	read := &claim.Reads[i]
	if problem := read.Problem(); problem != "" {
		verdict.add(i, Enforce, field.Invalid(read.Field, read.Path, problem))
		return
	}
	if problem := p.reservedProblem(read); problem != "" {
		verdict.add(i, Enforce, field.Forbidden(read.Field, fmt.Sprintf("%q: %s", read.Path, problem)))
		return
	}
	if claim.Role == "" {
		verdict.add(i, Enforce, missingRole(claim))
		return
	}
	if p.checkDenyRules(claim, i, labels, verdict) {
		return
	}
	if rule := p.findAllow(claim, read, labels); rule >= 0 {
		verdict.Grants[i] = Grant{Rule: p.allow[rule].name, ServiceAccount: cmp.Or(claim.ServiceAccount, p.allow[rule].identity.ServiceAccount)}
		return
	}
	verdict.add(i, p.settings.Enforcement.mode(claim.Namespace), field.Forbidden(read.Field, p.whyNot(claim, read, labels)))
}

// checkDenyRules reports whether an enforced deny rule matched. Enforced rules
// sort before staged ones, so the first match decides.
func (p *Policy) checkDenyRules(claim *Claim, i int, labels map[string]string, verdict *Verdict) bool {
	read := &claim.Reads[i]
	s := search{namespace: claim.Namespace, labels: labels, fold: true, accepts: func(rule int) bool {
		return p.deny[rule].namespaces.matches(claim.Namespace, labels)
	}}
	if read.Subtree {
		s.extent = anyBelow
	}
	p.denied.find(read.Path, &s)
	if s.best < 0 {
		return false
	}
	rule := &p.deny[s.best]
	verdict.Violations = append(verdict.Violations, Violation{
		Err: field.Forbidden(read.Field, rule.denial(read)), Mode: rule.mode, Rule: rule.name, Read: i,
	})
	return rule.mode == Enforce
}

func (r *denyRule) denial(read *Read) string {
	detail := fmt.Sprintf("%s is denied by rule %q", read, r.name)
	if read.Subtree {
		detail = fmt.Sprintf("%s: a part of it is denied by rule %q; name the paths that are needed, or a smaller part", read, r.name)
	}
	if r.reason != "" {
		detail += ": " + r.reason
	}
	return detail
}

// findAllow is the first rule that grants the whole tuple, or -1.
func (p *Policy) findAllow(claim *Claim, read *Read, labels map[string]string) int {
	s := search{namespace: claim.Namespace, labels: labels, accepts: func(rule int) bool {
		return p.grants(&p.allow[rule], claim, read, labels)
	}}
	if read.Subtree {
		s.extent = allBelow
	}
	p.allowed.find(read.Path, &s)
	return s.best
}

func (p *Policy) grants(rule *allowRule, claim *Claim, read *Read, labels map[string]string) bool {
	return rule.namespaces.matches(claim.Namespace, labels) && p.mismatch(rule, claim, read) == partNone
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
	partOperation      part = "operation"
)

// parts are all of them, in the order in which a mismatch is told.
func parts() [7]part {
	return [...]part{partRole, partAuthMount, partAuthMethod, partVault, partVaultNamespace, partIdentity, partOperation}
}

// mismatch is the first part of the rule that does not match the claim's read,
// or its login where read is nil.
func (p *Policy) mismatch(rule *allowRule, claim *Claim, read *Read) part {
	for _, one := range parts() {
		if !p.partMatches(rule, one, claim, read) {
			return one
		}
	}
	return partNone
}

func (p *Policy) partMatches(rule *allowRule, of part, claim *Claim, read *Read) bool {
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
		return allowsIdentity(&rule.identity, claim)
	case partOperation:
		return read == nil || slices.Contains(rule.operations, read.operation())
	case partNone:
	}
	return true
}

// allowsIdentity: a claim that leaves the identity to the rule gets a token of
// its own namespace, so a rule that names another one is not for it.
func allowsIdentity(identity *Identity, claim *Claim) bool {
	if claim.ServiceAccount == "" && !claim.OwnIdentity {
		return identity.Namespace == ""
	}
	return claim.ServiceAccount == identity.ServiceAccount &&
		cmp.Or(claim.ServiceAccountNamespace, claim.Namespace) == cmp.Or(identity.Namespace, claim.Namespace)
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
