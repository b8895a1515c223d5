package vaultside

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/countersign/countersign/policy"
)

// Namespace is one of Kubernetes, with the labels that rules select it by.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Options are what a policy does not say.
type Options struct {
	// Vault is the one to write for, by its configured name.
	Vault string
	// ServiceAccount and Namespace are Countersign's own.
	ServiceAccount, Namespace string
	// Audience of the tokens that log in.
	Audience string
	// TokenTTL is the life of a login.
	TokenTTL time.Duration
}

// Side is all that one Vault has to know.
type Side struct {
	Vault string
	// Revision is that of the policy.
	Revision string
	Roles    []Role
	// Notes are for whoever asked: what is not in it, and what it opens.
	Notes []string
}

// Role is a role of an auth method with its ACL policy.
type Role struct {
	policy.Login

	// Policy is the name of the ACL policy.
	Policy string
	// Paths are in the order of their patterns.
	Paths []Path
	// ServiceAccounts of Namespaces may take the role.
	ServiceAccounts, Namespaces []string
	Audience                    string
	TokenTTL                    time.Duration
}

// Build makes the Vault side of a policy for these namespaces.
func Build(p *policy.Policy, namespaces []Namespace, options Options) (*Side, error) {
	c := &collection{options: options, uses: map[policy.Login]*use{}, selected: map[string]bool{}}
	for _, namespace := range namespaces {
		// Its name becomes part of paths, where "+" would grant the others'.
		if problems := validation.IsDNS1123Label(namespace.Name); len(problems) > 0 {
			return nil, fmt.Errorf("namespace %q: %s", namespace.Name, problems[0])
		}
		c.add(p, namespace)
	}
	c.noteIdle(p.Rules())
	side := &Side{Vault: options.Vault, Revision: p.Revision()}
	for _, login := range slices.SortedFunc(maps.Keys(c.uses), compareLogins) {
		role, err := c.role(login)
		if err != nil {
			return nil, fmt.Errorf("role %q of auth mount %q: %w", login.Role, login.AuthMount, err)
		}
		side.Roles = append(side.Roles, role)
	}
	slices.Sort(c.notes)
	side.Notes = slices.Compact(c.notes)
	return side, nil
}

func compareLogins(a, b policy.Login) int {
	return cmp.Or(cmp.Compare(a.VaultNamespace, b.VaultNamespace), cmp.Compare(a.AuthMount, b.AuthMount),
		cmp.Compare(a.Role, b.Role), cmp.Compare(a.AuthMethod, b.AuthMethod))
}

// collection gathers what each login is used for.
type collection struct {
	options  Options
	uses     map[policy.Login]*use
	selected map[string]bool
	notes    []string
}

// use is by namespace.
type use struct {
	tenants map[string]*tenant
	// accounts are those that log in.
	accounts map[account]bool
}

type account struct{ namespace, name string }

func (c *collection) add(p *policy.Policy, namespace Namespace) {
	labels := policy.NamespaceLabels(namespace.Name, namespace.Labels)
	var denied []pattern
	for _, rule := range p.Prohibitions(namespace.Name, labels) {
		c.selected[rule.Rule] = true
		for _, text := range rule.Paths {
			one := parsePattern(text)
			one.fold = true
			denied = append(denied, one)
		}
	}
	for _, rule := range p.Allowances(namespace.Name, labels) {
		c.selected[rule.Rule] = true
		for _, login := range rule.Logins {
			if c.concerns(login) {
				c.use(login).add(namespace.Name, &rule, denied, c.account(namespace.Name, rule.Identity))
			}
		}
	}
}

// concerns notes that rules speak of other Vaults.
func (c *collection) concerns(login policy.Login) bool {
	if login.Vault != c.options.Vault {
		c.notef("rules speak of Vault %q too: run again with --vault", login.Vault)
		return false
	}
	return true
}

// use finds what is known of a login. Vault folds the case of the roles of its
// Kubernetes auth method.
func (c *collection) use(login policy.Login) *use {
	if login.AuthMethod == policy.MethodKubernetes {
		login.Role = strings.ToLower(login.Role)
	}
	if c.uses[login] == nil {
		c.uses[login] = &use{tenants: map[string]*tenant{}, accounts: map[account]bool{}}
	}
	return c.uses[login]
}

func (c *collection) account(namespace string, identity policy.Identity) account {
	if identity.ServiceAccount == "" {
		return account{c.options.Namespace, c.options.ServiceAccount}
	}
	return account{cmp.Or(identity.Namespace, namespace), identity.ServiceAccount}
}

func (u *use) add(namespace string, rule *policy.Allowance, denied []pattern, by account) {
	u.accounts[by] = true
	if u.tenants[namespace] == nil {
		u.tenants[namespace] = &tenant{deny: denied}
	}
	t := u.tenants[namespace]
	for _, text := range rule.Paths {
		if slices.Contains(rule.Operations, policy.OperationRead) {
			t.read = append(t.read, parsePattern(text))
		}
		if slices.Contains(rule.Operations, policy.OperationWrite) {
			t.write = append(t.write, parsePattern(text))
		}
	}
}

func (c *collection) role(login policy.Login) (Role, error) {
	u := c.uses[login]
	role := Role{Login: login, Policy: policyName(login)}
	if login.AuthMethod == policy.MethodKubernetes {
		role.Audience, role.TokenTTL = c.options.Audience, c.options.TokenTTL
		role.ServiceAccounts, role.Namespaces = c.bind(login, u)
	}
	var tenants []tenant
	for _, name := range slices.Sorted(maps.Keys(u.tenants)) {
		tenants = append(tenants, *u.tenants[name])
	}
	var err error
	role.Paths, err = newACL(tenants)
	return role, err
}
