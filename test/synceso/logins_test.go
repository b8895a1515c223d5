package synceso

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	vaultapi "github.com/hashicorp/vault/api"

	"github.com/countersign/countersign/test/harness"
)

// root asks Vault as its administrator.
func (n *tenant) root(path string, data map[string]any) map[string]any {
	n.t.Helper()
	secret, err := n.env.Vault.Client.Logical().WriteWithContext(n.t.Context(), path, data)
	if err != nil {
		n.t.Fatal(err)
	}
	if secret == nil {
		return nil
	}
	return secret.Data
}

func (n *tenant) enable(method string) {
	n.t.Helper()
	if err := n.env.Vault.Client.Sys().EnableAuthWithOptionsWithContext(n.t.Context(), method, &vaultapi.EnableAuthOptions{Type: method}); err != nil {
		n.t.Fatal(err)
	}
}

// keep writes a value into a Secret of the tenant.
func (n *tenant) keep(name, value string) {
	n.t.Helper()
	n.do("", "create", "secret", "generic", name, "-n", n.ns, "--from-literal=value="+value)
}

// wantLogin has two objects read by way of a store with one login.
func (n *tenant) wantLogin(name, auth string, logins int) {
	n.t.Helper()
	mark := n.mark()
	n.apply(storeOf(name, n.env.Vault.Addr, auth), external(name+"-a", name, "NS/app", ""), external(name+"-b", name, "NS/app", ""))
	n.awaitValue(name+"-a", "a", "1")
	n.awaitValue(name+"-b", "a", "1")
	if counts := harness.CountRequests(n.requestsSince(mark)); counts.Login != logins || counts.Read > 2 || counts.Token+counts.Other > 0 {
		n.t.Errorf("%s: %+v", name, counts)
	}
}

// Point 2: each way to log in, with Vault's own auth methods.
func TestAppRole(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	n.enable("approle")
	n.root("auth/approle/role/app", map[string]any{"token_policies": "reader"})
	roleID, err := n.env.Vault.Client.Logical().ReadWithContext(t.Context(), "auth/approle/role/app/role-id")
	if err != nil {
		t.Fatal(err)
	}
	n.keep("secret-id", fmt.Sprint(n.root("auth/approle/role/app/secret-id", nil)["secret_id"]))
	n.wantLogin("approle", fmt.Sprintf("appRole: {path: approle, roleId: %q, secretRef: {name: secret-id, key: value}}", roleID.Data["role_id"]), 1)
}

func TestJWT(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	n.enable("jwt")
	n.root("auth/jwt/config", map[string]any{
		"jwt_validation_pubkeys": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), "bound_issuer": "tests",
	})
	n.root("auth/jwt/role/"+role, map[string]any{"role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "token_policies": "reader"})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: "tests", Subject: "app", Audience: jwt.Audience{"vault"},
		NotBefore: jwt.NewNumericDate(time.Now().Add(-time.Minute)), IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour)),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	n.keep("jwt", token)
	n.wantLogin("jwt", "jwt: {path: jwt, role: "+role+", secretRef: {name: jwt, key: value}}", 1)
}

// A tenant's own token needs no login, and another one in its Secret counts.
func TestToken(t *testing.T) {
	n := newTenant(t)
	n.put(n.ns+"/app", map[string]any{"a": "1"})
	token, err := n.env.Vault.Client.Auth().Token().CreateWithContext(t.Context(), &vaultapi.TokenCreateRequest{Policies: []string{"reader"}, TTL: "1h"})
	if err != nil {
		t.Fatal(err)
	}
	n.keep("token", token.Auth.ClientToken)
	n.wantLogin("token", "tokenSecretRef: {name: token, key: value}", 0)
	n.apply(storeOf("none", n.env.Vault.Addr, "tokenSecretRef: {name: none, key: token}"), external("d", "none", "NS/app", ""))
	n.awaitReady("d", "SecretSyncedError", "IdentityRefused: spec.dataFrom[0].extract.key: Secret "+n.ns+"/none, which holds what to log in with, does not exist; create it")
}
