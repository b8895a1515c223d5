package harness

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	vaultapi "github.com/hashicorp/vault/api"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Point 3: Vault's Kubernetes auth reviews real tokens, KV mounts of both
// versions, policies and roles are there, and the audit log tells who asked
// what.
func TestPoint3VaultReviewsTokensAndTellsWhatReachedIt(t *testing.T) {
	ctx, vault := t.Context(), shared.Vault
	setUpVault(t, ctx, vault)
	mark := must(vault.AuditMark())(t)

	client := logIn(t, ctx, "reader", "vault")
	for _, path := range []string{"two/data/app", "one/app", "two/data/missing"} {
		if _, err := client.Logical().ReadWithContext(ctx, path); err != nil {
			t.Errorf("read %s: %v", path, err)
		}
	}
	if _, err := client.Logical().ReadWithContext(ctx, "sys/mounts"); err == nil {
		t.Error("the role reads more than its policy says")
	}

	type row struct {
		Kind               Kind
		Path, Role, Object string
		Denied             bool
	}
	var got []row
	for _, entry := range Requests(must(vault.Since(mark))(t)) {
		got = append(got, row{entry.Kind(), entry.Path, entry.Role, entry.Object, entry.Error != ""})
	}
	want := []row{
		{KindLogin, "auth/kubernetes/login", "reader", "ns/app", false},
		{KindRead, "two/data/app", "reader", "ns/app", false},
		{KindRead, "one/app", "reader", "ns/app", false},
		{KindRead, "two/data/missing", "reader", "ns/app", false},
		{KindOther, "sys/mounts", "reader", "ns/app", true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests that Vault saw (-want +got):\n%s", diff)
	}
}

func TestPoint3RefusedCallersCountAsForeign(t *testing.T) {
	ctx, vault := t.Context(), shared.Vault
	setUpVault(t, ctx, vault)
	mark := must(vault.AuditMark())(t)

	if _, err := login(ctx, must(shared.Token(ctx, "default", "reader", "elsewhere", time.Hour))(t)); err == nil {
		t.Error("Vault took a token of another audience")
	}
	stranger := must(vault.Client.Clone())(t)
	stranger.SetToken("no-such-token")
	if _, err := stranger.Logical().ReadWithContext(ctx, "two/data/app"); err == nil {
		t.Error("Vault took an invalid token")
	}
	if err := vault.PutKV(ctx, "two", "app", map[string]any{"test": "other"}); err != nil {
		t.Fatal(err)
	}
	want := Counts{Login: 1, Read: 1}
	if diff := cmp.Diff(want, CountRequests(must(vault.Since(mark))(t))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestPoint3VaultKeepsItsDataOverARestart(t *testing.T) {
	ctx, vault := t.Context(), shared.Vault
	setUpVault(t, ctx, vault)
	if err := vault.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Client.Sys().HealthWithContext(ctx); err == nil {
		t.Error("Vault answers although it is stopped")
	}
	if err := vault.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	mark := must(vault.AuditMark())(t)
	client := logIn(t, ctx, "reader", "vault")
	secret := must(client.Logical().ReadWithContext(ctx, "one/app"))(t)
	if secret == nil || secret.Data["test"] != "value" {
		t.Errorf("read %v after the restart", secret)
	}
	if diff := cmp.Diff(Counts{Login: 1, Read: 1}, CountRequests(must(vault.Since(mark))(t))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// setUpVault is idempotent, so that each test runs on its own as well.
func setUpVault(t *testing.T, ctx context.Context, vault *Vault) {
	t.Helper()
	mounts := must(vault.Client.Sys().ListMountsWithContext(ctx))(t)
	if mounts["one/"] != nil {
		return
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "reader"}}
	const rules = `path "two/data/*" { capabilities = ["read"] } path "one/*" { capabilities = ["read"] }`
	steps := map[string]error{
		"auth":    vault.EnableKubernetesAuth(ctx, "kubernetes"),
		"one":     vault.MountKV(ctx, "one", 1),
		"two":     vault.MountKV(ctx, "two", 2),
		"put one": vault.PutKV(ctx, "one", "app", map[string]any{"test": "value"}),
		"put two": vault.PutKV(ctx, "two", "app", map[string]any{"test": "value"}),
		"policy":  vault.WritePolicy(ctx, "reader", rules),
		"account": shared.Client.Create(ctx, account),
		"role": vault.WriteRole(ctx, "kubernetes", Role{
			Name: "reader", ServiceAccounts: []string{"reader"}, Namespaces: []string{"default"},
			Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
		}),
	}
	for step, err := range steps {
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
}

func logIn(t *testing.T, ctx context.Context, account, audience string) *vaultapi.Client {
	t.Helper()
	client, err := login(ctx, must(shared.Token(ctx, "default", account, audience, time.Hour))(t))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func login(ctx context.Context, token string) (*vaultapi.Client, error) {
	client, err := rootClient(shared.Vault.Addr, "")
	if err != nil {
		return nil, err
	}
	client.SetHeaders(http.Header{objectHeader: {"ns/app"}})
	secret, err := client.Logical().WriteWithContext(ctx, "auth/kubernetes/login", map[string]any{"role": "reader", "jwt": token})
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	client.SetToken(secret.Auth.ClientToken)
	return client, nil
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
