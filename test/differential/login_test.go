package differential

import (
	"errors"
	"testing"
	"time"

	vaultapi "github.com/hashicorp/vault/api"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const head = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {secret: {kv: 2}, team/kv: {kv: 2}, legacy: {kv: 1}}\n"

const loginPolicy = head + `
allow:
- name: own-tree
  namespaces: {names: ["team-*"]}
  paths: ["secret/data/{namespace}/*"]
  roles: ["{namespace}-read"]
- name: as-themselves
  namespaces: {names: ["team-*"]}
  paths: ["legacy/{namespace}/*"]
  roles: ["{namespace}-app"]
  authMounts: [k8s-eu]
  identity: {serviceAccount: app}
deny:
- name: no-break-glass
  paths: ["secret/data/+/break-glass/*"]
`

// account makes a ServiceAccount, and a token of it.
func account(t *testing.T, namespace, name, audience string) string {
	t.Helper()
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}},
	}
	for _, object := range objects {
		if err := shared.Client.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	token, err := shared.Token(t.Context(), namespace, name, audience, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// logIn is empty where Vault refuses.
func logIn(t *testing.T, mount, role, jwt string) string {
	t.Helper()
	secret, err := shared.Vault.Client.Logical().WriteWithContext(t.Context(), "auth/"+mount+"/login", map[string]any{"role": role, "jwt": jwt})
	refusal, refused := errors.AsType[*vaultapi.ResponseError](err)
	switch {
	case err == nil:
		return secret.Auth.ClientToken
	case refused && (refusal.StatusCode == 403 || refusal.StatusCode == 400):
		return ""
	}
	t.Fatal(err)
	return ""
}

// The roles are for those who need them, and nobody else.
func TestWhoMayLogIn(t *testing.T) {
	apply(t, build(t, compileText(t, loginPolicy)))
	tests := map[string]struct {
		namespace, name, audience, mount, role string
		want                                   bool
	}{
		"Countersign":                       {"countersign-system", "countersign", "vault", authMount, "team-a-read", true},
		"Countersign, for another tenant":   {"countersign-system", "countersign", "vault", authMount, "team-b-read", true},
		"a token for somebody else":         {"countersign-system", "countersign", "elsewhere", authMount, "team-a-read", false},
		"a neighbour of Countersign":        {"countersign-system", "default", "vault", authMount, "team-a-read", false},
		"a tenant who takes its name":       {"team-a", "countersign", "vault", authMount, "team-a-read", false},
		"a role that no rule names":         {"countersign-system", "countersign", "vault", authMount, "ops-read", false},
		"a role of the other mount":         {"countersign-system", "countersign", "vault", otherMount, "team-a-read", false},
		"a tenant as itself":                {"team-a", "app", "vault", otherMount, "team-a-app", true},
		"another tenant":                    {"team-b", "app", "vault", otherMount, "team-a-app", false},
		"Countersign in place of a tenant":  {"countersign-system", "countersign", "vault", otherMount, "team-a-app", false},
		"another ServiceAccount of tenant":  {"team-a", "default", "vault", otherMount, "team-a-app", false},
		"a tenant with Countersign's roles": {"team-a", "app", "vault", authMount, "team-a-read", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			token := logIn(t, tc.mount, tc.role, account(t, tc.namespace, tc.name, tc.audience))
			if got := token != ""; got != tc.want {
				t.Errorf("logged in: %t, want %t", got, tc.want)
			}
		})
	}
}

// A token of a real login reads what the engine allows.
func TestLoginReadsWhatTheEngineAllows(t *testing.T) {
	compiled := compileText(t, loginPolicy)
	side := build(t, compiled)
	apply(t, side)
	paths := []string{
		"secret/data/team-a/db", "secret/data/team-a/a/b", "secret/data/team-a/break-glass/db", "secret/data/team-a",
		"secret/data/team-b/db", "secret/metadata/team-a/db", "legacy/team-a/db", "legacy/team-b/db",
	}
	own := account(t, "countersign-system", "countersign", "vault")
	tenants := map[string]string{"team-a": account(t, "team-a", "app", "vault"), "team-b": account(t, "team-b", "app", "vault")}
	allowed := 0
	for _, role := range side.Roles {
		for _, namespace := range namespaces()[:2] {
			if role.Role != namespace.Name+"-read" && role.Role != namespace.Name+"-app" {
				continue
			}
			jwt := own
			if role.AuthMount == otherMount {
				jwt = tenants[namespace.Name]
			}
			token := logIn(t, role.AuthMount, role.Role, jwt)
			for i, verdict := range evaluate(compiled, namespace, role.Login, paths) {
				if got := reads(t, token, paths[i]); got != verdict.allowed {
					t.Errorf("%s with role %s: engine %t, Vault %t", paths[i], role.Role, verdict.allowed, got)
				}
				if verdict.allowed {
					allowed++
				}
			}
		}
	}
	if want := 5; allowed != want {
		t.Errorf("%d reads were allowed, want %d", allowed, want)
	}
}
