package template

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// chain is made anew for each test: a root, two intermediates and a leaf, and
// another root.
type certificate struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

func (c certificate) pem() string { return encodePEM("CERTIFICATE", c.Raw) }

func (c certificate) keyPEM(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return encodePEM("PRIVATE KEY", der)
}

type chain struct{ leaf, lower, upper, root, other certificate }

func newChain(t *testing.T) chain {
	t.Helper()
	var c chain
	c.root = issue(t, "root", nil)
	c.other = issue(t, "other", nil)
	c.upper = issue(t, "upper", &c.root)
	c.lower = issue(t, "lower", &c.upper)
	c.leaf = issue(t, "leaf", &c.lower)
	return c
}

func issue(t *testing.T, name string, issuer *certificate) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotAfter: time.Now().Add(time.Hour), IsCA: name != "leaf", BasicConstraintsValid: true, SubjectKeyId: []byte(name),
	}
	if name == "leaf" {
		request.DNSNames = []string{"a.example", "*.b.example"}
		request.IPAddresses = []net.IP{net.ParseIP("10.0.0.1"), net.ParseIP("::1")}
		request.EmailAddresses = []string{"me@example.com"}
		request.URIs = []*url.URL{{Scheme: "spiffe", Host: "cluster", Path: "/me"}}
	}
	parent, signer := request, crypto.Signer(key)
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, request, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate{Certificate: parsed, key: key}
}

func TestFilterPEM(t *testing.T) {
	c := newChain(t)
	values := map[string]string{
		"mixed": c.leaf.keyPEM(t) + c.leaf.pem() + c.root.pem(), "certs": c.leaf.pem(), "junk": "a\n" + c.leaf.pem() + "b\n" + c.root.pem() + "c",
		"headers": string(pem.EncodeToMemory(&pem.Block{Type: "X", Headers: map[string]string{"A": "b"}, Bytes: []byte("y")})), "empty": "",
	}
	tests := map[string]struct{ text, want string }{
		"certificates":      {`{{ .mixed | filterPEM "CERTIFICATE" }}`, c.leaf.pem() + c.root.pem()},
		"private key":       {`{{ .mixed | filterPEM "PRIVATE KEY" }}`, c.leaf.keyPEM(t)},
		"in lower case":     {`{{ .mixed | filterPEM "private key" }}`, c.leaf.keyPEM(t)},
		"none of the type":  {`{{ .certs | filterPEM "PRIVATE KEY" }}`, ""},
		"with junk between": {`{{ .junk | filterPEM "CERTIFICATE" }}`, c.leaf.pem() + c.root.pem()},
		"headers are kept":  {`{{ .headers | filterPEM "X" }}`, values["headers"]},
		"nothing":           {`{{ .empty | filterPEM "X" }}`, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, execute(t, tc.text, values)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFilterCertChain(t *testing.T) {
	c := newChain(t)
	tests := map[string]struct{ part, text, want string }{
		"leaf":                         {"leaf", c.leaf.pem() + c.lower.pem() + c.upper.pem() + c.root.pem(), c.leaf.pem()},
		"intermediates":                {"intermediate", c.leaf.pem() + c.lower.pem() + c.upper.pem() + c.root.pem(), c.lower.pem() + c.upper.pem()},
		"root":                         {"root", c.leaf.pem() + c.lower.pem() + c.upper.pem() + c.root.pem(), c.root.pem()},
		"out of order":                 {"intermediate", c.upper.pem() + c.root.pem() + c.leaf.pem() + c.lower.pem(), c.lower.pem() + c.upper.pem()},
		"intermediates, no root":       {"intermediate", c.leaf.pem() + c.lower.pem() + c.upper.pem(), c.lower.pem() + c.upper.pem()},
		"root, without one":            {"root", c.leaf.pem() + c.lower.pem(), ""},
		"leaf, of a root":              {"leaf", c.root.pem(), ""},
		"root alone":                   {"root", c.root.pem(), c.root.pem()},
		"intermediates, of one":        {"intermediate", c.leaf.pem(), ""},
		"leaf alone":                   {"leaf", c.leaf.pem(), c.leaf.pem()},
		"no such part":                 {"stem", c.leaf.pem(), ""},
		"leaf and root, disjunct":      {"leaf", c.leaf.pem() + c.lower.pem() + c.other.pem(), "error: filterCertChain finds more than one leaf certificate"},
		"no certificate":               {"leaf", "", "error: filterCertChain finds no leaf certificate"},
		"a key among them":             {"leaf", c.leaf.pem() + c.leaf.keyPEM(t), "error: filterCertChain finds a PEM block that is no certificate"},
		"the same root, several times": {"root", c.root.pem() + c.root.pem(), "error: filterCertChain finds more than one leaf certificate"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			text, values := `{{ .text | filterCertChain .part }}`, map[string]string{"part": tc.part, "text": tc.text}
			if reason, fails := strings.CutPrefix(tc.want, "error: "); fails {
				if got := refused(t, text, values); !strings.Contains(got, reason) {
					t.Errorf("%s, want %s", got, reason)
				}
				return
			}
			if diff := cmp.Diff(tc.want, execute(t, text, values)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCertSANs(t *testing.T) {
	c := newChain(t)
	values := map[string]string{"certificate": "junk\n" + c.root.pem() + c.leaf.pem() + c.lower.pem() + c.upper.pem(), "leaf": c.leaf.pem(), "root": c.root.pem()}
	tests := map[string]struct{ text, want string }{
		"joined":  {`{{ .certificate | filterPEM "CERTIFICATE" | filterCertChain "leaf" | certSANs | join "," }}`, "a.example,*.b.example,10.0.0.1,::1,me@example.com,spiffe://cluster/me"},
		"first":   {`{{ index (.leaf | certSANs) 0 }}`, "a.example"},
		"as JSON": {`{{ .leaf | certSANs | toJson }}`, `["a.example","*.b.example","10.0.0.1","::1","me@example.com","spiffe://cluster/me"]`},
		"none":    {`{{ .root | certSANs | toJson }}`, `[]`},
		"junk":    {`{{ .certificate | certSANs | toJson }}`, `[]`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, execute(t, tc.text, values)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
