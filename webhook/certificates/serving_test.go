package certificates

import (
	"crypto/tls"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func write(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// valid is a Secret that is good now, by the real clock.
func valid(t *testing.T, life time.Duration) bundle {
	t.Helper()
	ca, err := testIssuer().CreateCACert(time.Now().Add(-2*time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := testIssuer().CreateCertPEM(ca, time.Now().Add(-2*time.Hour), time.Now().Add(life))
	if err != nil {
		t.Fatal(err)
	}
	return bundle{caFile: ca.CertPEM, leafFile: cert, keyFile: key}
}

// serve answers TLS with a certificate until the test ends.
func serve(t *testing.T, of bundle) string {
	t.Helper()
	pair, err := tls.X509KeyPair(of[leafFile], of[keyFile])
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func TestServing(t *testing.T) {
	good, other, expired := valid(t, time.Hour), valid(t, time.Hour), valid(t, -time.Hour)
	tests := map[string]struct {
		files   bundle
		address string
		want    string
	}{
		"what is in the folder": {good, serve(t, good), ""},
		"a replaced file":       {other, serve(t, good), "another certificate is served than the one in "},
		"an expired one":        {expired, serve(t, expired), "the serving certificate is valid from "},
		"no file":               {nil, serve(t, good), "no such file"},
		"no PEM":                {bundle{leafFile: []byte("x")}, serve(t, good), "tls.crt: no PEM certificate"},
		"nobody there":          {good, closedAddress(t), "the webhook port does not answer: "},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			write(t, folder, tc.files)
			err := Serving(tc.address, folder)(nil)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// The metric follows the files, and is silent about one that is not there.
func TestExpiry(t *testing.T) {
	folder := t.TempDir()
	registry := prometheus.NewPedanticRegistry()
	NewExpiry(folder, registry)
	if families, err := registry.Gather(); err != nil || len(families) > 0 {
		t.Errorf("metrics of an empty folder: %v, %v", families, err)
	}
	files := fresh(t, testNow.Add(time.Hour))
	write(t, folder, maps.Clone(files))
	ends := testNow.Add(time.Hour).Unix()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, metric := range families[0].GetMetric() {
		got[metric.GetLabel()[0].GetValue()] = int64(metric.GetGauge().GetValue())
	}
	if diff := cmp.Diff(map[string]int64{"ca": ends, "leaf": ends}, got); diff != "" {
		t.Error(diff)
	}
}
