package policy

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// review finds what is no error and still worth a second look: grants by label,
// Vaults that nobody configured, and rules that change nothing.
func review(documents []*Document, settings Settings) Problems {
	compiled := newPolicy(documents, settings)
	var problems Problems
	for _, document := range documents {
		var warnings field.ErrorList
		for i := range document.Allow {
			warnings = append(warnings, compiled.reviewAllow(document, i)...)
		}
		for i := range document.Deny {
			rule := &document.Deny[i]
			if rule.Namespaces != nil {
				warnings = append(warnings, reviewLabels(*rule.Namespaces, "lifts", field.NewPath("deny").Index(i))...)
			}
		}
		problems = append(problems, document.problems(warnings, true)...)
	}
	return problems
}

func (p *Policy) reviewAllow(document *Document, i int) field.ErrorList {
	rule, at := &document.Allow[i], field.NewPath("allow").Index(i)
	warnings := reviewLabels(rule.Namespaces, "grants", at)
	for j, name := range rule.Vaults {
		if _, known := p.settings.DefaultAuthMounts[name]; !known && len(p.settings.DefaultAuthMounts) > 0 {
			warnings = append(warnings, field.Invalid(at.Child("vaults").Index(j), name, "no Vault of this name is configured; the rule waits for one"))
		}
	}
	compiled := p.newAllowRule(document.Source, rule)
	for j, pattern := range rule.Paths {
		if reason := p.idle(&compiled, pattern); reason != "" {
			warnings = append(warnings, field.Invalid(at.Child("paths").Index(j), pattern, reason))
		}
	}
	return warnings
}

func reviewLabels(selector NamespaceSelector, does string, at *field.Path) field.ErrorList {
	if len(selector.MatchLabels) == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(at.Child("namespaces", "matchLabels"), selector.MatchLabels,
		"whoever may label namespaces "+does+" this; names are safer")}
}

// idle says why a pattern of a rule changes nothing: an enforced deny rule
// covers it, or another allow rule grants all of it already.
func (p *Policy) idle(rule *allowRule, pattern string) string {
	namespace, labels := rule.namespaces.sample(), rule.namespaces.labels
	s := search{namespace: namespace, labels: labels, accepts: func(i int) bool {
		return p.deny[i].mode == Enforce && covers(p.deny[i].namespaces, rule.namespaces)
	}}
	if p.denied.findCover(strings.ToLower(pattern), &s); s.best >= 0 {
		return fmt.Sprintf("it never grants anything: deny rule %q covers it", p.deny[s.best].name)
	}
	s = search{namespace: namespace, labels: labels, accepts: func(i int) bool { return p.allow[i].name != rule.name && p.allow[i].grantsAllOf(rule) }}
	if p.allowed.findCover(pattern, &s); s.best >= 0 {
		return fmt.Sprintf("it grants nothing new: rule %q covers it", p.allow[s.best].name)
	}
	return ""
}

// grantsAllOf compares all parts but the path.
func (r *allowRule) grantsAllOf(other *allowRule) bool {
	return covers(r.namespaces, other.namespaces) && r.identity == other.identity &&
		containsEach(r.operations, other.operations) && containsEach(r.roles, other.roles) && sameDefault(r.authMounts, other.authMounts) && containsEach(r.authMounts, other.authMounts) &&
		containsEach(r.authMethods, other.authMethods) && containsEach(r.vaults, other.vaults) &&
		sameDefault(r.vaultNamespaces, other.vaultNamespaces) && containsEach(r.vaultNamespaces, other.vaultNamespaces)
}

// sameDefault: an empty list stands for a default that differs by Vault, and
// compares with nothing else.
func sameDefault[T any](a, b []T) bool { return (len(a) == 0) == (len(b) == 0) }

func containsEach[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(one T) bool { return !slices.Contains(all, one) })
}

// covers reports that a selects every namespace that b does.
func covers(a, b *namespaceMatcher) bool {
	switch {
	case slices.Contains(a.prefixes, ""):
		return true
	case len(a.labels) > 0 || len(b.labels) > 0:
		return len(a.labels) > 0 && len(b.labels) > 0 && containsAll(b.labels, a.labels)
	}
	for name := range b.exact {
		if !a.matches(name, nil) {
			return false
		}
	}
	return !slices.ContainsFunc(b.prefixes, func(prefix string) bool {
		return !slices.ContainsFunc(a.prefixes, func(wider string) bool { return strings.HasPrefix(prefix, wider) })
	})
}
