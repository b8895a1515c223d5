package chart_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// TestRBAC writes down what each ServiceAccount may do, in words that a review
// can follow.
func TestRBAC(t *testing.T) {
	forEachCase(t, func(t *testing.T, name string, all objects) {
		golden(t, name+".rbac.golden.txt", []byte(strings.Join(rights(t, all), "\n")+"\n"))
	})
}

func TestRBACHasNoWildcard(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		for _, role := range append(all.of("ClusterRole"), all.of("Role")...) {
			for _, rule := range decoded[rbacv1.ClusterRole](t, role).Rules {
				words := slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs)
				if strings.Contains(strings.Join(words, " "), "*") {
					t.Errorf("%s %s has a wildcard: %v", role.Kind, role.Metadata.Name, rule)
				}
			}
		}
	})
}

// rights has one line for each ServiceAccount, scope, resource and verbs.
func rights(t *testing.T, all objects) []string {
	t.Helper()
	var lines []string
	for _, binding := range append(all.of("ClusterRoleBinding"), all.of("RoleBinding")...) {
		bound := decoded[rbacv1.ClusterRoleBinding](t, binding)
		scope := "cluster"
		if binding.Kind == "RoleBinding" {
			scope = binding.Metadata.Namespace
		}
		for _, subject := range bound.Subjects {
			prefix := fmt.Sprintf("%s/%s in %s:", subject.Namespace, subject.Name, scope)
			for _, right := range rightsOf(t, all, bound.RoleRef) {
				lines = append(lines, prefix+" "+right)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func rightsOf(t *testing.T, all objects, ref rbacv1.RoleRef) []string {
	t.Helper()
	if strings.HasPrefix(ref.Name, "system:") {
		return []string{"everything of " + ref.Kind + " " + ref.Name}
	}
	var lines []string
	for _, rule := range named[rbacv1.ClusterRole](t, all, ref.Kind, ref.Name).Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				lines = append(lines, rightOf(rule, resource, group))
			}
		}
	}
	return lines
}

func rightOf(rule rbacv1.PolicyRule, resource, group string) string {
	if group != "" {
		resource += "." + group
	}
	if len(rule.ResourceNames) > 0 {
		resource += " " + strings.Join(rule.ResourceNames, ",")
	}
	return resource + ": " + strings.Join(rule.Verbs, ", ")
}
