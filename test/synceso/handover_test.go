package synceso

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/test/harness"
)

// Point 5, with the operator itself: its Secret is taken over when the store
// gets the class, and by it again when the store loses it. There is one all the
// while.
func TestRealESOHandsOverAndBack(t *testing.T) {
	binary := os.Getenv("ESO_BIN")
	if binary == "" {
		t.Skip("ESO_BIN names no binary of External Secrets Operator; TestHandover goes by what it leaves")
	}
	n := newTenant(t)
	n.grantReader()
	operator, err := n.env.StartProgram("external-secrets", binary, "--metrics-addr=0", "--live-addr=127.0.0.1:0", "--enable-generator-state=false")
	if err != nil {
		t.Fatal(err)
	}
	// Other tests are without it.
	t.Cleanup(func() { _ = operator.Stop() })
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	ours := storeOf("vault", n.env.Vault.Addr, "kubernetes: {mountPath: kubernetes, role: reader, serviceAccountRef: {name: reader}}")
	ofESO := strings.Replace(ours, "  controller: countersign\n", "", 1)
	n.apply(ofESO, external("app", "vault", "NS/app", ""))
	first := n.awaitOwner("externalsecrets.external-secrets.io/app", "1")

	n.put(n.ns+"/app", map[string]any{"a": "2"})
	n.apply(ours)
	second := n.awaitOwner("countersign", "2")
	n.put(n.ns+"/app", map[string]any{"a": "3"})
	n.annotate("app", api.Resync+"=1")
	n.awaitOwner("countersign", "3")

	n.put(n.ns+"/app", map[string]any{"a": "4"})
	n.apply(ofESO)
	n.annotate("app", api.Resync+"=2")
	third := n.awaitOwner("externalsecrets.external-secrets.io/app", "4")
	if first.UID != second.UID || second.UID != third.UID {
		t.Error("the Secret was made anew")
	}
}

// grantReader lets the ServiceAccount "reader" of the tenant log in.
func (n *tenant) grantReader() {
	n.t.Helper()
	err := n.env.Vault.WriteRole(n.t.Context(), "kubernetes", harness.Role{
		Name: "reader", ServiceAccounts: []string{"reader"}, Namespaces: []string{n.ns}, Policies: []string{"reader"},
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.do("", "create", "serviceaccount", "reader", "-n", n.ns)
}

// awaitOwner waits until a field manager has written the value of "app".
func (n *tenant) awaitOwner(manager, value string) *corev1.Secret {
	n.t.Helper()
	secret := &corev1.Secret{}
	harness.Await(n.t, within, func(ctx context.Context) error {
		secret = &corev1.Secret{}
		if err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: "app"}, secret); err != nil {
			return err
		}
		for _, entry := range secret.ManagedFields {
			if entry.Manager == manager && string(secret.Data["a"]) == value {
				return nil
			}
		}
		return fmt.Errorf("it holds %q, written by %+v", secret.Data["a"], secret.ManagedFields)
	})
	return secret
}
