package vault

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

// What one tenant writes into a Secret as its token must not have Vault taken
// for away, for everybody.
func TestTokenThatNoHeaderCarries(t *testing.T) {
	for name, value := range map[string]string{"line break": "canary\ncanary", "control": "canary\x01x", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			f.vault.secrets = kept{"s/token": value}.read
			err := f.as(t, api.Login{Method: api.MethodToken, SecretRef: in("s", "token")}, api.Address{Path: "secret/data/x"})
			if reasonOf(err) != ReasonIdentityRefused || strings.Contains(err.Error(), "canary") {
				t.Errorf("told %v", err)
			}
			if reasonOf(err) != ReasonIdentityRefused {
				t.Errorf("told %v", err)
			}
			if f.vault.breaker.isOpen() {
				t.Error("the breaker is open")
			}
			if err := f.as(t, f.login("r"), api.Address{Path: "secret/data/y"}); err != nil {
				t.Errorf("somebody else: %v (%s)", err, reasonOf(err))
			}
		})
	}
}

// Nor may a certificate that Vault's listener does not take.
func TestCertificateThatVaultRefuses(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	issue(t, "vault.example", at("server.crt"), at("server.key"))
	clients := x509.NewCertPool()
	clients.AddCert(issue(t, "countersign", at("client.crt"), at("client.key")))
	issue(t, "countersign", at("stranger.crt"), at("stranger.key"))
	pair, err := tls.LoadX509KeyPair(at("server.crt"), at("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(&recorder{})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	f := open(t, func(v *config.Vault) {
		v.Address, v.CAFile, v.TLSServerName = server.URL, at("server.crt"), "vault.example"
	})
	read := func(n string) string { b, _ := os.ReadFile(at(n)); return string(b) }
	f.vault.secrets = kept{"s/crt": read("stranger.crt"), "s/key": read("stranger.key")}.read
	err = f.as(t, api.Login{Method: api.MethodCert, Mount: "c", CertRef: in("s", "crt"), SecretRef: in("s", "key")}, api.Address{Path: "secret/data/x"})
	if reasonOf(err) != ReasonLoginRefused {
		t.Errorf("told %v", err)
	}
	if f.vault.breaker.isOpen() {
		t.Error("the breaker is open")
	}
	if err := f.as(t, f.login("r"), api.Address{Path: "secret/data/y"}); err != nil {
		t.Errorf("somebody else: %v (%s)", err, reasonOf(err))
	}
}

// A token that was put in the place of one that may too little counts, and one
// that was taken away is used no more.
func TestTokenInTheSecretChanges(t *testing.T) {
	f := open(t, nil)
	secrets := kept{"s/token": "weak"}
	f.vault.secrets = secrets.read
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Vault-Token") != "weak" {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(forbidden))
		return true
	}
	login, address := api.Login{Method: api.MethodToken, SecretRef: in("s", "token")}, api.Address{Path: "secret/data/x"}
	_ = f.as(t, login, address)
	secrets["s/token"] = "strong"
	f.clock.SetTime(f.clock.Now().Add(1000 * freshFor))
	if err := f.as(t, login, address); err != nil {
		t.Errorf("three days after a better token was put there: %v", err)
	}
}

// A token that was taken out of its Secret is used no more.
func TestTokenIsTakenAway(t *testing.T) {
	f := open(t, nil)
	secrets := kept{"s/token": "good"}
	f.vault.secrets = secrets.read
	login := api.Login{Method: api.MethodToken, SecretRef: in("s", "token")}
	if err := f.as(t, login, api.Address{Path: "secret/data/x"}); err != nil {
		t.Fatal(err)
	}
	delete(secrets, "s/token")
	f.clock.SetTime(f.clock.Now().Add(1000 * freshFor))
	if err := f.as(t, login, api.Address{Path: "secret/data/z"}); err == nil {
		t.Error("three days later: read with a token that stands in no Secret any more")
	}
}
