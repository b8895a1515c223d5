package vaultside

import (
	"maps"
	"slices"

	"github.com/countersign/countersign/policy"
)

// bind lists who may take a role. Vault binds each of the names in each of the
// namespaces; that is noted where it admits more than the policy needs.
// https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#create-update-role
func (c *collection) bind(login policy.Login, u *use) (names, namespaces []string) {
	nameSet, namespaceSet := map[string]bool{}, map[string]bool{}
	for one := range u.accounts {
		nameSet[one.name], namespaceSet[one.namespace] = true, true
	}
	names, namespaces = slices.Sorted(maps.Keys(nameSet)), slices.Sorted(maps.Keys(namespaceSet))
	switch {
	case len(u.accounts) < len(names)*len(namespaces):
		c.notef("role %q of auth mount %q: Vault lets each of its ServiceAccounts log in from each of its namespaces, which is more than the rules say; "+
			"give each identity a role of its own", login.Role, login.AuthMount)
	case c.isShared(u):
		c.notef("role %q of auth mount %q: a ServiceAccount of one tenant that logs in itself reads the paths of all that share the role; "+
			"write {namespace} into the role", login.Role, login.AuthMount)
	}
	return names, namespaces
}

// isShared reports that tenants log in themselves with one role.
func (c *collection) isShared(u *use) bool {
	own := account{c.options.Namespace, c.options.ServiceAccount}
	return !u.accounts[own] && len(u.tenants) > 1
}
