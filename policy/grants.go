package policy

import (
	"maps"
	"slices"
	"strings"
)

// Allowance is an allow rule as it holds in one namespace, defaults applied.
type Allowance struct {
	// Rule is configmap/rule.
	Rule string
	// Paths are patterns without variables.
	Paths []string
	// Logins are those that may read the paths.
	Logins []Login
	// Identity is who logs in; empty is Countersign itself, and an empty
	// namespace in it the namespace itself.
	Identity Identity
	// Operations are what may be done with the paths.
	Operations []Operation
}

// Login is a role of an auth method, and where it is.
type Login struct {
	Vault, VaultNamespace string
	// AuthMount is empty where the Vault is not configured.
	AuthMount, AuthMethod, Role string
}

// Prohibition is an enforced deny rule as it holds in one namespace.
type Prohibition struct {
	// Rule is configmap/rule.
	Rule string
	// Paths are patterns without variables, as they are written; they match
	// with case folded.
	Paths []string
}

// Allowances are the allow rules of a namespace, in the order of their names.
func (p *Policy) Allowances(namespace string, labels map[string]string) []Allowance {
	var all []Allowance
	for _, rule := range p.rulesOf(namespace, labels) {
		all = append(all, Allowance{
			Rule: rule.name, Paths: expandPatterns(rule.paths, namespace),
			Logins: p.logins(rule, namespace), Identity: rule.identity, Operations: rule.operations,
		})
	}
	return all
}

// Prohibitions are the enforced deny rules of a namespace, in the order of
// their names.
func (p *Policy) Prohibitions(namespace string, labels map[string]string) []Prohibition {
	var all []Prohibition
	for i := range p.deny {
		rule := &p.deny[i]
		if rule.mode == Enforce && rule.namespaces.matches(namespace, labels) {
			all = append(all, Prohibition{Rule: rule.name, Paths: expandPatterns(rule.written, namespace)})
		}
	}
	return all
}

// Rules are the names of all allow rules and all enforced deny rules.
func (p *Policy) Rules() []string {
	var names []string
	for i := range p.allow {
		names = append(names, p.allow[i].name)
	}
	for i := range p.deny {
		if p.deny[i].mode == Enforce {
			names = append(names, p.deny[i].name)
		}
	}
	return names
}

// NamedNamespaces are those that rules select by their full name.
func (p *Policy) NamedNamespaces() []string {
	names := map[string]bool{}
	for i := range p.allow {
		maps.Copy(names, p.allow[i].namespaces.exact)
	}
	for i := range p.deny {
		maps.Copy(names, p.deny[i].namespaces.exact)
	}
	return slices.Sorted(maps.Keys(names))
}

// logins are all combinations of the rule's parts.
func (p *Policy) logins(rule *allowRule, namespace string) []Login {
	var all []Login
	for _, vault := range rule.vaults {
		for _, vaultNamespace := range orDefault(rule.vaultNamespaces, p.settings.VaultNamespaces[vault]) {
			for _, mount := range orDefault(expandNames(rule.authMounts, namespace), p.settings.DefaultAuthMounts[vault]) {
				for _, method := range rule.authMethods {
					for _, role := range expandNames(rule.roles, namespace) {
						all = append(all, Login{vault, vaultNamespace, mount, method, role})
					}
				}
			}
		}
	}
	return all
}

func orDefault(names []string, otherwise string) []string {
	if len(names) == 0 {
		return []string{otherwise}
	}
	return names
}

func expandNames(templates []nameTemplate, namespace string) []string {
	names := make([]string, len(templates))
	for i, template := range templates {
		names[i] = template.expand(namespace)
	}
	return names
}

func expandPatterns(patterns []string, namespace string) []string {
	expanded := make([]string, len(patterns))
	for i, pattern := range patterns {
		expanded[i] = strings.ReplaceAll(pattern, namespaceVariable, namespace)
	}
	return expanded
}
