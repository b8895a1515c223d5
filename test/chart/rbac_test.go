package chart_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
)

const securityPage = "../../docs/security.md"

// modes of the chart have a table of rights each in docs/security.md, under
// the name of their values file.
func modes() []string { return []string{"default", "split", "namespaced"} }

// TestRightsPage: the tables of what each ServiceAccount may do are those of
// the rendered roles.
func TestRightsPage(t *testing.T) {
	content, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	for _, mode := range modes() {
		page = withTable(t, page, mode, rightsTable(t, parse(t, mustRender(t, "--values", cases(t)[mode]))))
	}
	if *update {
		if err := os.WriteFile(securityPage, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page, string(content)); diff != "" {
		t.Errorf("%s (-want +got), -update takes it:\n%s", securityPage, diff)
	}
}

// withTable replaces what stands between the comments of a mode.
func withTable(t *testing.T, page, mode, table string) string {
	t.Helper()
	begin, end := "<!-- rights: "+mode+" -->\n", "<!-- /rights -->\n"
	head, rest, found := strings.Cut(page, begin)
	_, tail, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has no place for the rights of %s", securityPage, mode)
	}
	return head + begin + table + end + tail
}

func rightsTable(t *testing.T, all objects) string {
	t.Helper()
	lines := []string{"| ServiceAccount | namespace scope | resource | verbs | resourceNames |", "|---|---|---|---|---|"}
	for _, right := range rights(t, all) {
		lines = append(lines, right.row())
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestRightsGolden writes down the rights of every values file, also of those
// that the page has no table for.
func TestRightsGolden(t *testing.T) {
	forEachCase(t, func(t *testing.T, name string, all objects) {
		golden(t, name+".rights.golden.md", []byte(rightsTable(t, all)))
	})
}

func TestRBACHasNoWildcard(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		for _, right := range rights(t, all) {
			if strings.Contains(right.row(), "*") {
				t.Errorf("a wildcard: %s", right.row())
			}
		}
	})
}

// TestRightsOfTheStoreClass: what it takes to sync ESO's objects, beside guarding
// them. Each right is one that something uses; an empty class takes them all.
func TestRightsOfTheStoreClass(t *testing.T) {
	const (
		remember = "externalsecrets.external-secrets.io patch"            // controller: the annotation, ESO's finalizer
		tell     = "externalsecrets.external-secrets.io/status patch"     // controller: conditions
		store    = "secretstores.external-secrets.io/status patch"        // controller/stores: Ready
		shared   = "clustersecretstores.external-secrets.io/status patch" // controller/stores: Ready
		template = "configmaps get"                                       // controller: templateFrom
	)
	for name, test := range map[string]struct {
		set  string
		want map[string][]string
	}{
		"one process": {"", map[string][]string{"countersign in cluster": {shared, template, remember, tell, store}}},
		"split":       {",split=true", map[string][]string{"countersign in cluster": {shared, template, remember, tell, store}}},
		"namespaced": {",watchNamespaces={team-a},certificates.mode=cert-manager", map[string][]string{
			"countersign in cluster": {shared}, "countersign in team-a": {template, remember, tell, store},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			with := func(class string) []right {
				set := "vault.address=https://vault.example:8200,dialects={eso},eso.storeClass=" + class + test.set
				return rights(t, parse(t, mustRender(t, "--set", set)))
			}
			without := map[string]bool{}
			for _, right := range with("") {
				without[right.row()] = true
			}
			got := map[string][]string{}
			for _, right := range with("ours") {
				if holder := right.serviceAccount + " in " + right.scope; !without[right.row()] {
					got[holder] = append(got[holder], right.resource+" "+strings.Join(right.verbs, ","))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// right is what one rule lets a ServiceAccount do to one resource.
type right struct {
	serviceAccount, scope, resource string
	verbs, resourceNames            []string
}

func (r right) row() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s |",
		r.serviceAccount, r.scope, r.resource, strings.Join(r.verbs, ", "), strings.Join(r.resourceNames, ", "))
}

// rights are those that the rendered bindings grant, sorted.
func rights(t *testing.T, all objects) []right {
	t.Helper()
	var found []right
	for _, binding := range append(all.of("ClusterRoleBinding"), all.of("RoleBinding")...) {
		bound := decoded[rbacv1.ClusterRoleBinding](t, binding)
		scope := "cluster"
		if binding.Kind == "RoleBinding" {
			scope = binding.Metadata.Namespace
		}
		for _, subject := range bound.Subjects {
			for _, rule := range rulesOf(t, all, bound.RoleRef) {
				found = append(found, rightsOf(subject.Name, scope, rule)...)
			}
		}
	}
	slices.SortFunc(found, func(a, b right) int { return strings.Compare(a.row(), b.row()) })
	return found
}

// rulesOf a role of ours, or of the one that Kubernetes has for reviews.
func rulesOf(t *testing.T, all objects, ref rbacv1.RoleRef) []rbacv1.PolicyRule {
	t.Helper()
	if ref.Name == "system:auth-delegator" {
		return []rbacv1.PolicyRule{
			{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}, Verbs: []string{"create"}},
			{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}, Verbs: []string{"create"}},
		}
	}
	return named[rbacv1.ClusterRole](t, all, ref.Kind, ref.Name).Rules
}

func rightsOf(serviceAccount, scope string, rule rbacv1.PolicyRule) []right {
	var found []right
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			found = append(found, right{serviceAccount, scope, inGroup(resource, group), rule.Verbs, rule.ResourceNames})
		}
	}
	return found
}

// inGroup spells a resource as "kubectl auth can-i --list" does.
func inGroup(resource, group string) string {
	if group == "" {
		return resource
	}
	resource, subresource, found := strings.Cut(resource, "/")
	if found {
		return resource + "." + group + "/" + subresource
	}
	return resource + "." + group
}
