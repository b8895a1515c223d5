package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/cluster"
)

// What the real apiserver says that each ServiceAccount may do, as "kubectl
// auth can-i --list" asks it, is what docs/security.md says, in each mode of
// the chart.
func TestRightsAreThoseOfThePage(t *testing.T) {
	removeRelease(t)
	for _, namespace := range []string{cluster.ReleaseNamespace, "team-a", "team-b"} {
		err := shared.env.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		if client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(filepath.Join(shared.root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"default", "split", "namespaced"} {
		t.Run(mode, func(t *testing.T) {
			want := tableOf(t, string(page), mode)
			roles := rolesOf(t, mode)
			kubectl(t, roles, "apply", "-f", "-")
			defer kubectl(t, roles, "delete", "-f", "-")
			if diff := cmp.Diff(want, rightsOf(t, accountsOf(want))); diff != "" {
				t.Errorf("-docs +apiserver:\n%s", diff)
			}
		})
	}
}

// tableOf are the rows of a mode in the page.
func tableOf(t *testing.T, page, mode string) []string {
	t.Helper()
	_, after, found := strings.Cut(page, "<!-- rights: "+mode+" -->\n")
	table, _, ends := strings.Cut(after, "<!-- /rights -->")
	if !found || !ends {
		t.Fatalf("docs/security.md has no rights of %s", mode)
	}
	const head = 2
	return strings.Split(strings.TrimSpace(table), "\n")[head:]
}

// accountsOf are the ServiceAccounts of the rows.
func accountsOf(rows []string) []string {
	var accounts []string
	for _, row := range rows {
		accounts = append(accounts, strings.TrimSpace(strings.Split(row, "|")[1]))
	}
	slices.Sort(accounts)
	return slices.Compact(accounts)
}

// rolesOf are the roles, bindings and ServiceAccounts that the chart renders.
func rolesOf(t *testing.T, mode string) string {
	t.Helper()
	file := filepath.Join(shared.root, "test", "chart", "testdata", mode+".values.yaml")
	output, err := shared.env.Helm(t.Context(), "template", releaseName, thisChart(), "--namespace="+cluster.ReleaseNamespace, "--values="+file)
	if err != nil || output.ExitCode != 0 {
		t.Fatal(err, output.Stderr)
	}
	var kept []string
	for document := range strings.SplitSeq(output.Stdout, "\n---\n") {
		if slices.ContainsFunc([]string{"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount"}, func(kind string) bool {
			return strings.Contains(document, "\nkind: "+kind+"\n")
		}) {
			kept = append(kept, document)
		}
	}
	return strings.Join(kept, "\n---\n")
}

// rightsOf asks for each account in each namespace. What it may do in one that
// has nothing to do with the release, it may in all.
func rightsOf(t *testing.T, accounts []string) []string {
	t.Helper()
	var rows []string
	for _, account := range accounts {
		everywhere := rulesIn(t, account, "default")
		rows = append(rows, without(everywhere, rulesIn(t, "nobody", "default"), account, "cluster")...)
		for _, namespace := range []string{cluster.ReleaseNamespace, "team-a", "team-b"} {
			rows = append(rows, without(rulesIn(t, account, namespace), everywhere, account, namespace)...)
		}
	}
	slices.Sort(rows)
	return rows
}

func without(rules, known []string, account, scope string) []string {
	var rows []string
	for _, rule := range rules {
		if !slices.Contains(known, rule) {
			rows = append(rows, fmt.Sprintf("| %s | %s | %s |", account, scope, rule))
		}
	}
	return rows
}

// rulesIn are what the apiserver says that a ServiceAccount may do in a
// namespace.
func rulesIn(t *testing.T, account, namespace string) []string {
	t.Helper()
	config := rest.CopyConfig(shared.env.Config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + cluster.ReleaseNamespace + ":" + account,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + cluster.ReleaseNamespace, "system:authenticated"},
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	review, err := ask(t.Context(), clientset, namespace)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, rule := range review.Status.ResourceRules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				rules = append(rules, fmt.Sprintf("%s | %s | %s", inGroup(resource, group), strings.Join(rule.Verbs, ", "), strings.Join(rule.ResourceNames, ", ")))
			}
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

func ask(ctx context.Context, clientset kubernetes.Interface, namespace string) (*authorizationv1.SelfSubjectRulesReview, error) {
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	return clientset.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, review, metav1.CreateOptions{})
}

// inGroup spells a resource as the page does.
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
