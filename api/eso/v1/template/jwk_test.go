package template

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // a hash that ESO offers for OAEP
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"hash"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func newKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": rsaKey, "EC": ecKey, "Ed25519": edKey}
}

// The private and the public part of a key, of a private and a public JWK.
func TestJWK(t *testing.T) {
	for name, key := range newKeys(t) {
		t.Run(name, func(t *testing.T) {
			values := map[string]string{"private": jwkOf(t, key), "public": jwkOf(t, key.Public())}
			private, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				t.Fatal(err)
			}
			public, err := x509.MarshalPKIXPublicKey(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			tests := map[string]string{
				"{{ .private | jwkPrivateKeyPem }}": encodePEM("PRIVATE KEY", private),
				"{{ .private | jwkPublicKeyPem }}":  encodePEM("PUBLIC KEY", public),
				"{{ .public | jwkPublicKeyPem }}":   encodePEM("PUBLIC KEY", public),
			}
			for text, want := range tests {
				if diff := cmp.Diff(want, execute(t, text, values)); diff != "" {
					t.Errorf("%s: %s", text, diff)
				}
			}
			refused(t, "{{ .public | jwkPrivateKeyPem }}", values)
		})
	}
}

func TestJWKOfASymmetricKey(t *testing.T) {
	values := map[string]string{"key": `{"kty":"oct","k":"c2VjcmV0"}`}
	refused(t, "{{ .key | jwkPrivateKeyPem }}", values)
	refused(t, "{{ .key | jwkPublicKeyPem }}", values)
}

func jwkOf(t *testing.T, key any) string {
	t.Helper()
	document, err := (&jose.JSONWebKey{Key: key, KeyID: "1"}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}

func TestRSADecrypt(t *testing.T) {
	keys := newKeys(t)
	key := keys["RSA"].(*rsa.PrivateKey)
	encrypt := func(hash hash.Hash) string {
		ciphertext, err := rsa.EncryptOAEP(hash, rand.Reader, &key.PublicKey, []byte("s3cret"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(ciphertext)
	}
	ec, err := x509.MarshalECPrivateKey(keys["EC"].(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"key": encodePEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), "ec": encodePEM("EC PRIVATE KEY", ec),
		"sha1": encrypt(sha1.New()), "sha256": encrypt(sha256.New()), "sha512": encrypt(sha512.New()), //nolint:gosec // see above
	}
	values["base64"] = base64.StdEncoding.EncodeToString([]byte(values["sha256"]))
	tests := map[string]struct{ text, want string }{
		"SHA1":             {`{{ rsaDecrypt "RSA-OAEP" "SHA1" .sha1 .key }}`, "s3cret"},
		"SHA256, piped":    {`{{ .key | rsaDecrypt "RSA-OAEP" "SHA256" .sha256 }}`, "s3cret"},
		"SHA512":           {`{{ rsaDecrypt "RSA-OAEP" "SHA512" .sha512 .key }}`, "s3cret"},
		"default":          {`{{ rsaDecrypt "RSA-OAEP" "None" .sha256 .key }}`, "s3cret"},
		"base64":           {`{{ .key | rsaDecrypt "RSA-OAEP" "SHA256" (.base64 | b64dec) }}`, "s3cret"},
		"no scheme":        {`{{ rsaDecrypt "None" "SHA256" .base64 .key }}`, values["base64"]},
		"another hash":     {`{{ rsaDecrypt "RSA-OAEP" "SHA1" .sha256 .key }}`, "error: rsaDecrypt fails on what it is given"},
		"another scheme":   {`{{ rsaDecrypt "PKCS1" "SHA1" .sha256 .key }}`, `error: rsaDecrypt knows the schemes "RSA-OAEP" and "None"`},
		"no key":           {`{{ rsaDecrypt "RSA-OAEP" "SHA1" .sha256 "x" }}`, "error: rsaDecrypt finds no PEM block"},
		"a key of a curve": {`{{ rsaDecrypt "RSA-OAEP" "SHA1" .sha256 .ec }}`, "error: rsaDecrypt needs an RSA key"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if reason, fails := strings.CutPrefix(tc.want, "error: "); fails {
				if got := refused(t, tc.text, values); !strings.Contains(got, reason) {
					t.Errorf("%s, want %s", got, reason)
				}
				return
			}
			if diff := cmp.Diff(tc.want, execute(t, tc.text, values)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
