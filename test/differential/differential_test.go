package differential

import (
	"fmt"
	"slices"
	"testing"

	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/policy/vaultside"
)

const (
	policies       = 400
	pathsPerPolicy = 60
	// readEvery is how often Vault is asked for a path itself, besides for its
	// capabilities.
	readEvery = 50
)

// tally keeps the test from passing because nothing was compared.
type tally struct{ pairs, allowed, denied, folded, reads, writable int }

// What the engine allows one of the namespaces is what Vault allows the role.
// The only difference is that Vault does not fold the case of a deny rule.
func TestEngineAndVaultAgree(t *testing.T) {
	var total tally
	for seed := range uint64(policies) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { compare(t, seed, &total) })
	}
	t.Logf("%+v", total)
	if least := (tally{100_000, 10_000, 20_000, 50, 1_000, 2_000}); total.pairs < least.pairs || total.allowed < least.allowed ||
		total.denied < least.denied || total.folded < least.folded || total.reads < least.reads || total.writable < least.writable {
		t.Errorf("%+v, want at least %+v", total, least)
	}
}

func compare(t *testing.T, seed uint64, total *tally) {
	g := newGenerator(seed)
	document := g.policy()
	compiled := compile(t, document)
	side := build(t, compiled)
	paths := g.paths(document, pathsPerPolicy)
	for _, login := range logins() {
		if !slices.ContainsFunc(side.Roles, func(role vaultside.Role) bool { return role.Login == login }) {
			nobodyMay(t, compiled, login, paths)
		}
	}
	for i := range side.Roles {
		role := &side.Roles[i]
		token := tokenFor(t, role.Policy, role.ACL())
		readable := granted(t, token, policy.OperationRead, paths)
		writable := granted(t, token, policy.OperationWrite, paths)
		for i, path := range paths {
			total.add(t, policy.OperationRead, compiled, role.Login, path, readable[path])
			total.add(t, policy.OperationWrite, compiled, role.Login, path, writable[path])
			if i%readEvery == 0 {
				total.compareRead(t, token, path, readable[path])
			}
		}
	}
	if t.Failed() {
		t.Fatalf("%+v\n%s", document, side.HCL())
	}
}

// nobodyMay: a role that the Vault side leaves out is of no use to anybody.
func nobodyMay(t *testing.T, compiled *policy.Policy, login policy.Login, paths []string) {
	t.Helper()
	for _, namespace := range namespaces() {
		for _, operation := range []policy.Operation{policy.OperationRead, policy.OperationWrite} {
			for i, verdict := range evaluateTo(operation, compiled, namespace, login, paths) {
				if verdict.allowed {
					t.Errorf("%s: namespace %s may %s it with role %s of %s, which Vault does not have", paths[i], namespace.Name, operation, login.Role, login.AuthMount)
				}
			}
		}
	}
}

// compareRead has Vault really read what it was asked the capabilities of.
func (c *tally) compareRead(t *testing.T, token, path string, capable bool) {
	t.Helper()
	c.reads++
	if got := reads(t, token, path); got != capable {
		t.Errorf("%s: read %t, capabilities %t", path, got, capable)
	}
}

func logins() []policy.Login {
	var all []policy.Login
	for _, mount := range []string{authMount, otherMount} {
		for _, role := range []string{"reader", "team-a-read", "team-b-read", "ops-read"} {
			all = append(all, policy.Login{Vault: "default", AuthMount: mount, AuthMethod: policy.MethodKubernetes, Role: role})
		}
	}
	return all
}

// add compares the verdicts of all namespaces on one path with that of Vault.
func (c *tally) add(t *testing.T, operation policy.Operation, compiled *policy.Policy, login policy.Login, path string, vault bool) {
	t.Helper()
	engine, folded := false, false
	for _, namespace := range namespaces() {
		answer := evaluateTo(operation, compiled, namespace, login, []string{path})[0]
		engine = engine || answer.allowed
		folded = folded || answer.rule != "" && !deniedAsWritten(compiled, namespace, path)
		c.pairs++
	}
	switch {
	case engine && vault && operation == policy.OperationWrite:
		c.writable++
	case engine && vault:
		c.allowed++
	case !engine && !vault:
		c.denied++
	case !engine && folded:
		c.folded++
	default:
		t.Errorf("to %s %s with role %s of %s: engine %t, Vault %t", operation, path, login.Role, login.AuthMount, engine, vault)
	}
}

func deniedAsWritten(compiled *policy.Policy, namespace vaultside.Namespace, path string) bool {
	for _, rule := range compiled.Prohibitions(namespace.Name, policy.NamespaceLabels(namespace.Name, namespace.Labels)) {
		if slices.ContainsFunc(rule.Paths, func(pattern string) bool { return matches(pattern, path) }) {
			return true
		}
	}
	return false
}
