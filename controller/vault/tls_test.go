package vault

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	testclock "k8s.io/utils/clock/testing"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

// issue writes a certificate for a name, and its key, and returns the
// certificate.
func issue(t *testing.T, name, certFile, keyFile string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// TLS is verified against the operator's CA and name, and a client certificate
// is shown where Vault wants one, read anew at each handshake.
func TestTLS(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	issue(t, "vault.example", at("server.crt"), at("server.key"))
	clients := x509.NewCertPool()
	clients.AddCert(issue(t, "countersign", at("client.crt"), at("client.key")))
	pair, err := tls.LoadX509KeyPair(at("server.crt"), at("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(&recorder{})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	good := config.Vault{CAFile: at("server.crt"), TLSServerName: "vault.example", ClientCertFile: at("client.crt"), ClientKeyFile: at("client.key")}
	tests := map[string]struct {
		change func(*config.Vault)
		want   string
	}{
		"all as it should be":      {func(*config.Vault) {}, ""},
		"no client certificate":    {func(v *config.Vault) { v.ClientCertFile, v.ClientKeyFile = "", "" }, "certificate"},
		"a client file is missing": {func(v *config.Vault) { v.ClientKeyFile = at("none") }, "no such file"},
		"another name":             {func(v *config.Vault) { v.TLSServerName = "other.example" }, "certificate is valid for vault.example"},
		"the system's roots":       {func(v *config.Vault) { v.CAFile = "" }, "certificate"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			settings := good
			settings.Address, settings.TokenFile = server.URL, at("token")
			settings.RequestsPerSecond, settings.Burst, settings.Timeout.Duration = 100, 100, 10*time.Second
			tc.change(&settings)
			if err := os.WriteFile(at("token"), []byte("jwt"), 0o600); err != nil {
				t.Fatal(err)
			}
			opened, err := Open("default", settings, Surroundings{
				Mint: noMinter, Clock: testclock.NewFakePassiveClock(time.Now()), Metrics: NewMetrics(prometheus.NewRegistry()), Back: func() {},
			})
			if err != nil {
				t.Fatal(err)
			}
			visit := Visit{Object: "a/b", Guard: func(context.Context) error { return nil }}
			_, err = opened.Read(t.Context(), api.Login{Mount: "kubernetes", Role: "r"}, api.Address{Path: "secret/data/x"}, visit)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	// Another certificate in the same files is the next handshake's.
	issue(t, "stranger", at("client.crt"), at("client.key"))
	transport, err := newTransport(good, nil)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, server.URL, http.NoBody)
	if response, err := transport.base.RoundTrip(request); err == nil {
		_ = response.Body.Close()
		t.Error("the old client certificate is still shown")
	}
}
