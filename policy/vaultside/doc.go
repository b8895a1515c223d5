// Package vaultside writes down what Vault has to grant so that a policy can be
// used, and nothing more: for each role that allow rules name, one ACL policy
// and the role itself, to hand to whoever runs Vault.
//
// Vault judges by role and path. It knows no Kubernetes namespace, so a role's
// ACL is the union of what the given namespaces may read with it. And where
// several patterns match a path, Vault asks the most specific one only, while
// here a deny rule wins always. So a deny rule is not written as it stands: it
// is cut with each pattern that it touches, and the cuts are again cut with each
// other, until for every path the most specific pattern tells the verdict.
// docs/vault-side.md has what remains different; test/differential compares
// with the real Vault.
package vaultside
