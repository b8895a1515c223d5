package synceso

import (
	"context"
	"fmt"
	"strings"
	"testing"

	vaultapi "github.com/hashicorp/vault/api"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/test/harness"
)

// A token that is revoked is told, and the one that its Secret holds next is
// taken, without a restart.
func TestTokenIsRotated(t *testing.T) {
	n := newTenant(t)
	token := func() string {
		t.Helper()
		made, err := n.env.Vault.Client.Auth().Token().CreateWithContext(t.Context(), &vaultapi.TokenCreateRequest{Policies: []string{"reader"}, TTL: "1h"})
		if err != nil {
			t.Fatal(err)
		}
		return made.Auth.ClientToken
	}
	first, second := token(), token()
	n.keep("token", first)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(storeOf("vault", n.env.Vault.Addr, "tokenSecretRef: {name: token, key: value}"), external("app", "vault", "NS/app", ""))
	n.awaitValue("app", "a", "1")
	if err := n.env.Vault.Client.Auth().Token().RevokeTreeWithContext(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	n.put(n.ns+"/app", map[string]any{"a": "2"})
	n.annotate("app", api.Resync+"=1")
	n.awaitReady("app", "SecretSyncedError", "")
	n.awaitValue("app", "a", "1")
	n.do("", "patch", "secret", "token", "-n", n.ns, "--type=merge", `-p={"stringData": {"value": "`+second+`"}}`)
	n.annotate("app", api.Resync+"=2")
	n.awaitValue("app", "a", "2")
	n.awaitReady("app", "SecretSynced", "secret synced")
	for place, text := range map[string]string{
		"object": n.do("", "get", "externalsecrets.external-secrets.io", "app", "-n", n.ns, "-o", "yaml"),
		"events": n.do("", "get", "events", "-n", n.ns, "-o", "yaml"),
	} {
		if strings.Contains(text, first) || strings.Contains(text, second) {
			t.Errorf("a token stands in the %s", place)
		}
	}
}

// What another version of ESO's CRD has in the status survives each write.
func TestUnknownStatusSurvives(t *testing.T) {
	n := newTenant(t)
	const crd = "externalsecrets.external-secrets.io"
	add := `-p=[{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/later", "value": {"type": "string"}}]`
	if name := n.do("", "get", "crd", crd, "-o", "jsonpath={.spec.versions[0].name}"); name != "v1" {
		t.Fatalf("the first version is %s", name)
	}
	n.do("", "patch", "crd", crd, "--type=json", add)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.apply(n.store("vault"), external("app", "vault", "NS/app", ""))
	n.awaitReady("app", "SecretSynced", "")
	harness.Await(t, within, func(context.Context) error {
		n.do("", "patch", crd, "app", "-n", n.ns, "--subresource=status", "--type=merge", `-p={"status": {"later": "kept"}}`)
		if got := n.do("", "get", crd, "app", "-n", n.ns, "-o", "jsonpath={.status.later}"); got != "kept" {
			return fmt.Errorf("the apiserver holds %q", got)
		}
		return nil
	})
	n.put(n.ns+"/app", map[string]any{"a": "2"})
	n.annotate("app", api.Resync+"=1")
	n.awaitValue("app", "a", "2")
	harness.Await(t, within, func(context.Context) error { return n.isSynced("app") })
	if got := n.do("", "get", crd, "app", "-n", n.ns, "-o", "jsonpath={.status.later}"); got != "kept" {
		t.Errorf("it is %q", got)
	}
}
