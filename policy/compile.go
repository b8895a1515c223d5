package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Settings are the operator's part of the decision; documents cannot change it.
type Settings struct {
	// Enforcement is the mode of the default deny.
	Enforcement Enforcement
	// DefaultVault is the Vault that a rule without vaults speaks of.
	DefaultVault string
	// DefaultAuthMounts are the auth mounts, by Vault, that a rule without
	// authMounts speaks of.
	DefaultAuthMounts map[string]string
	// VaultNamespaces are the Vault namespaces, by Vault, that a rule without
	// vaultNamespaces speaks of; the root where a Vault is left out.
	VaultNamespaces map[string]string
	// MaxPaths bounds the distinct paths of one claim; 0 is no bound.
	MaxPaths int
}

// Policy is the compiled union of documents. It is immutable.
type Policy struct {
	settings Settings
	revision string
	mounts   map[string]Mount
	allow    []allowRule
	deny     []denyRule
	allowed  *trie
	denied   *trie
	// byNamespace has the allow rules by what selects a namespace.
	byNamespace terminal
}

type allowRule struct {
	name       string
	namespaces *namespaceMatcher
	paths      []string
	roles      []nameTemplate
	// authMounts and vaultNamespaces are empty for those of the Vault.
	authMounts      []nameTemplate
	vaultNamespaces []string
	authMethods     []string
	vaults          []string
	// identity is empty for that of whoever syncs the object.
	identity   Identity
	operations []Operation
}

type denyRule struct {
	name       string
	namespaces *namespaceMatcher
	// paths are folded, written are not.
	paths   []string
	written []string
	reason  string
	mode    Mode
}

// Revision identifies the documents that the policy was made of.
func (p *Policy) Revision() string {
	if p == nil {
		return ""
	}
	return p.revision
}

// Compile checks the union of the documents and makes a Policy of it, or says
// everything that is wrong, as Problems, and makes none.
func Compile(documents []*Document, settings Settings) (*Policy, error) {
	documents = sorted(documents)
	if err := check(documents).Err(); err != nil {
		return nil, err
	}
	return newPolicy(documents, settings), nil
}

func newPolicy(documents []*Document, settings Settings) *Policy {
	mounts, _ := unionOfMounts(documents)
	p := &Policy{settings: settings, revision: revision(documents), mounts: mounts}
	p.addAllowRules(documents)
	p.addDenyRules(documents)
	return p
}

func revision(documents []*Document) string {
	hash := sha256.New()
	for _, document := range documents {
		hash.Write([]byte(document.Source + "\x00" + document.Key + "\x00" + document.digest + "\n"))
	}
	return hex.EncodeToString(hash.Sum(nil))[:12]
}

func (p *Policy) addAllowRules(documents []*Document) {
	for _, document := range documents {
		for i := range document.Allow {
			p.allow = append(p.allow, p.newAllowRule(document.Source, &document.Allow[i]))
		}
	}
	slices.SortStableFunc(p.allow, func(a, b allowRule) int { return cmp.Compare(a.name, b.name) })
	p.allowed = newTrie(len(p.allow), func(i int) ([]string, *namespaceMatcher) {
		return p.allow[i].paths, p.allow[i].namespaces
	})
	for i := range p.allow {
		p.byNamespace.add(i, p.allow[i].namespaces)
	}
}

func (p *Policy) newAllowRule(source string, rule *AllowRule) allowRule {
	compiled := allowRule{
		name:       source + "/" + rule.Name,
		namespaces: newNamespaceMatcher(rule.Namespaces),
		paths:      rule.Paths,
		roles:      newNameTemplates(rule.Roles),
		authMounts: newNameTemplates(rule.AuthMounts),
		vaults:     rule.Vaults, vaultNamespaces: rule.VaultNamespaces, authMethods: rule.AuthMethods,
		operations: rule.Operations,
	}
	if len(compiled.vaults) == 0 {
		compiled.vaults = []string{p.settings.DefaultVault}
	}
	if len(compiled.authMethods) == 0 {
		compiled.authMethods = []string{MethodKubernetes}
	}
	if rule.Identity != nil {
		compiled.identity = *rule.Identity
	}
	if len(compiled.operations) == 0 {
		compiled.operations = []Operation{OperationRead}
	}
	return compiled
}

func newNameTemplates(names []string) []nameTemplate {
	templates := make([]nameTemplate, len(names))
	for i, name := range names {
		templates[i] = newNameTemplate(name)
	}
	return templates
}

func (p *Policy) addDenyRules(documents []*Document) {
	for _, document := range documents {
		for i := range document.Deny {
			p.deny = append(p.deny, newDenyRule(document.Source, &document.Deny[i]))
		}
	}
	// An enforced rule must not hide behind a staged one of an earlier name.
	slices.SortStableFunc(p.deny, func(a, b denyRule) int {
		return cmp.Or(cmp.Compare(severity(a.mode), severity(b.mode)), cmp.Compare(a.name, b.name))
	})
	p.denied = newTrie(len(p.deny), func(i int) ([]string, *namespaceMatcher) {
		return p.deny[i].paths, p.deny[i].namespaces
	})
}

func newDenyRule(source string, rule *DenyRule) denyRule {
	everywhere := NamespaceSelector{Names: []string{"*"}}
	if rule.Namespaces != nil {
		everywhere = *rule.Namespaces
	}
	return denyRule{
		name:       source + "/" + rule.Name,
		namespaces: newNamespaceMatcher(everywhere),
		paths:      folded(rule.Paths),
		written:    rule.Paths,
		reason:     rule.Reason,
		mode:       cmp.Or(rule.Enforcement, Enforce),
	}
}

func folded(patterns []string) []string {
	lower := make([]string, len(patterns))
	for i, pattern := range patterns {
		lower[i] = strings.ToLower(pattern)
	}
	return lower
}

func severity(mode Mode) int { return slices.Index([]Mode{Enforce, Warn, Audit}, mode) }
