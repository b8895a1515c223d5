package vaultside

import (
	"regexp"
	"testing"

	"github.com/countersign/countersign/policy"
)

func TestPolicyName(t *testing.T) {
	tests := map[string]struct{ role, mount, method, want string }{
		"default mount":   {"reader", "kubernetes", "kubernetes", "countersign-reader"},
		"other mount":     {"reader", "kubernetes-eu", "kubernetes", "countersign-reader_at_kubernetes-eu"},
		"mount of two":    {"reader", "eu/k8s", "kubernetes", "countersign-reader_at_eu_2fk8s"},
		"other method":    {"reader", "jwt", "jwt", "countersign-reader_at_jwt_by_jwt"},
		"underscores":     {"my_role", "kubernetes", "kubernetes", "countersign-my__role"},
		"like a suffix":   {"a_at_b", "kubernetes", "kubernetes", "countersign-a__at__b"},
		"capital letters": {"Reader", "kubernetes", "kubernetes", "countersign-_52eader"},
		"dots":            {"a.b", "kubernetes", "kubernetes", "countersign-a_2eb"},
		"other letters":   {"é", "kubernetes", "kubernetes", "countersign-_c3_a9"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := policyName(policy.Login{Role: tc.role, AuthMount: tc.mount, AuthMethod: tc.method}); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// FuzzNames: every name is good for Vault and for Terraform, and no two roles
// share one.
func FuzzNames(f *testing.F) {
	f.Add("a", "m", "", "a_at_m", "kubernetes", "")
	f.Add("a", "kubernetes", "b", "a_in_b", "kubernetes", "")
	f.Add("A", "kubernetes", "", "a", "kubernetes", "")
	f.Add("_2f", "kubernetes", "", "/", "kubernetes", "")
	f.Add("a_", "b", "", "a", "_b", "")
	valid := regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
	f.Fuzz(func(t *testing.T, role, mount, namespace, otherRole, otherMount, otherNamespace string) {
		first := roleOf(role, mount, namespace)
		second := roleOf(otherRole, otherMount, otherNamespace)
		for _, name := range []string{first.Policy, first.resourceName()} {
			if !valid.MatchString(name) {
				t.Errorf("%q", name)
			}
		}
		if first.Login != second.Login && first.resourceName() == second.resourceName() {
			t.Errorf("%+v and %+v are both %s", first.Login, second.Login, first.resourceName())
		}
	})
}

func roleOf(role, mount, namespace string) *Role {
	login := policy.Login{VaultNamespace: namespace, AuthMount: mount, AuthMethod: policy.MethodKubernetes, Role: role}
	return &Role{Login: login, Policy: policyName(login)}
}
