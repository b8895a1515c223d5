package template

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"
)

// Keys and certificates of archives as several programs make them.
func TestPKCS12(t *testing.T) {
	c := newChain(t)
	encode := func(encoder *pkcs12.Encoder, password string, more ...*x509.Certificate) string {
		t.Helper()
		archive, err := encoder.Encode(c.leaf.key, c.leaf.Certificate, more, password)
		if err != nil {
			t.Fatal(err)
		}
		return string(archive)
	}
	values := map[string]string{
		"modern":     encode(pkcs12.Modern, "", c.root.Certificate, c.upper.Certificate, c.lower.Certificate),
		"protected":  encode(pkcs12.Modern, "my-password", c.lower.Certificate),
		"legacy":     encode(pkcs12.LegacyRC2, "my-password"),
		"3DES":       encode(pkcs12.LegacyDES, "my-password"),
		"2026":       encode(pkcs12.Modern2026, "my-password"),
		"open":       encode(pkcs12.Passwordless, ""),
		"disjunct":   encode(pkcs12.Modern, "", c.other.Certificate),
		"iterations": encode(pkcs12.Modern.WithIterations(200_000), ""),
	}
	key := c.leaf.keyPEM(t)
	tests := map[string]struct{ text, want string }{
		"key":                    {`{{ .modern | pkcs12key }}`, key},
		"certificates, in order": {`{{ .modern | pkcs12cert }}`, c.leaf.pem() + c.lower.pem() + c.upper.pem() + c.root.pem()},
		"key, with password":     {`{{ .protected | pkcs12keyPass "my-password" }}`, key},
		"certificates, password": {`{{ .protected | pkcs12certPass "my-password" }}`, c.leaf.pem() + c.lower.pem()},
		"RC2":                    {`{{ .legacy | pkcs12keyPass "my-password" }}{{ .legacy | pkcs12certPass "my-password" }}`, key + c.leaf.pem()},
		"3DES":                   {`{{ index . "3DES" | pkcs12keyPass "my-password" }}`, key},
		"PBMAC1":                 {`{{ index . "2026" | pkcs12keyPass "my-password" }}`, key},
		"not encrypted":          {`{{ .open | pkcs12key }}{{ .open | pkcs12cert }}`, key + c.leaf.pem()},
		"disjunct, as they are":  {`{{ .disjunct | pkcs12cert }}`, c.leaf.pem() + c.other.pem()},
		"many iterations":        {`{{ .iterations | pkcs12key }}`, key},
		"wrong password":         {`{{ .protected | pkcs12keyPass "other" }}`, "error: pkcs12keyPass fails on what it is given"},
		"no password":            {`{{ .protected | pkcs12cert }}`, "error: pkcs12cert fails on what it is given"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { check(t, tc.text, tc.want, values) })
	}
}

func check(t *testing.T, text, want string, values map[string]string) {
	t.Helper()
	if reason, fails := strings.CutPrefix(want, "error: "); fails {
		if got := refused(t, text, values); !strings.Contains(got, reason) {
			t.Errorf("%s, want %s", got, reason)
		}
		return
	}
	if diff := cmp.Diff(want, execute(t, text, values)); diff != "" {
		t.Error(diff)
	}
}

// What is made of PEM reads back, with the certificates that the function takes.
func TestPEMToPKCS12(t *testing.T) {
	c := newChain(t)
	values := map[string]string{"chain": c.leaf.pem() + c.lower.pem() + c.upper.pem(), "key": c.leaf.keyPEM(t), "junk": c.leaf.pem() + "junk"}
	tests := map[string]struct{ text, password, want string }{
		"first only":           {`{{ pemToPkcs12 .chain .key }}`, "", "leaf"},
		"first, with password": {`{{ pemToPkcs12Pass .chain .key "pw" }}`, "pw", "leaf"},
		"all":                  {`{{ fullPemToPkcs12 .chain .key }}`, "", "leaf lower upper"},
		"all, with password":   {`{{ fullPemToPkcs12Pass .chain .key "pw" }}`, "pw", "leaf lower upper"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			archive, err := base64.StdEncoding.DecodeString(execute(t, tc.text, values))
			if err != nil {
				t.Fatal(err)
			}
			key, first, more, err := pkcs12.DecodeChain(archive, tc.password)
			if err != nil {
				t.Fatal(err)
			}
			if !c.leaf.key.Equal(key) {
				t.Error("another key")
			}
			if diff := cmp.Diff(tc.want, names(append([]*x509.Certificate{first}, more...))); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, text := range map[string]string{
		"no certificate": `{{ pemToPkcs12 "" .key }}`, "no key": `{{ pemToPkcs12 .chain "" }}`, "key for a certificate": `{{ pemToPkcs12 .key .key }}`,
		"certificate for a key": `{{ pemToPkcs12 .chain .chain }}`, "junk": `{{ fullPemToPkcs12 .junk .key }}`, "nothing": `{{ fullPemToPkcs12 "" .key }}`,
	} {
		t.Run(name, func(t *testing.T) { refused(t, text, values) })
	}
}

func TestPEMTruststoreToPKCS12(t *testing.T) {
	c := newChain(t)
	values := map[string]string{"roots": c.root.pem() + c.other.pem()}
	tests := map[string]struct{ text, password string }{
		"no password": {`{{ pemTruststoreToPKCS12 .roots }}`, ""},
		"password":    {`{{ pemTruststoreToPKCS12Pass .roots "pw" }}`, "pw"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			archive, err := base64.StdEncoding.DecodeString(execute(t, tc.text, values))
			if err != nil {
				t.Fatal(err)
			}
			certificates, err := pkcs12.DecodeTrustStore(archive, tc.password)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("root other", names(certificates)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func names(certificates []*x509.Certificate) string {
	var all []string
	for _, each := range certificates {
		all = append(all, each.Subject.CommonName)
	}
	return strings.Join(all, " ")
}

// An archive says itself how often its password is hashed: in three places that
// can be seen, and in one that cannot.
func TestPKCS12Iterations(t *testing.T) {
	c := newChain(t)
	sealed, err := pkcs12.Modern.Encode(c.leaf.key, c.leaf.Certificate, nil, "pw")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := partsOf(sealed)
	if err != nil {
		t.Fatal(err)
	}
	plain := parts[len(parts)-1]
	forever := encryptedKey(t, math.MaxInt32)
	values := map[string]string{
		"mac":         string(withMAC(t, sealed, math.MaxInt32)),
		"certificate": archiveOf(t, "pw", encryptedPart(t, math.MaxInt32, "pw", nil), plain),
		"key":         archiveOf(t, "pw", dataPart(t, []bag{forever})),
		"key length":  string(withLongKey(t, sealed)),
		"hidden":      archiveOf(t, "pw", encryptedPart(t, 1, "pw", []bag{forever}), plain),
		"only":        archiveOf(t, "pw", encryptedPart(t, 1, "pw", []bag{forever})),
		"open":        archiveOf(t, "", encryptedPart(t, 1, "", []bag{forever}), plain),
	}
	tests := map[string]string{
		"mac": string(tooManyIterations), "certificate": string(tooManyIterations), "key": string(tooManyIterations), "key length": string(tooManyIterations),
		"hidden": string(failed), "only": string(hiddenKey), "open": string(failed),
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			password := "pw"
			if name == "open" {
				password = ""
			}
			for _, function := range []string{"pkcs12keyPass", "pkcs12certPass"} {
				text := `{{ .archive | ` + function + ` .password }}`
				got := inTime(t, func() string {
					return refused(t, text, map[string]string{"archive": values[name], "password": password})
				})
				if !strings.HasSuffix(got, want) {
					t.Errorf("%s, want %s", got, want)
				}
			}
		})
	}
}

func archiveOf(t *testing.T, password string, parts ...content) string {
	t.Helper()
	archive, err := assemble(parts, password)
	if err != nil {
		t.Fatal(err)
	}
	return string(archive)
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	der, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// withMAC replaces the MAC of an archive by one of so many iterations.
func withMAC(t *testing.T, archive []byte, iterations int) []byte {
	t.Helper()
	var read pfx
	if _, err := asn1.Unmarshal(archive, &read); err != nil {
		t.Fatal(err)
	}
	made := mac{Salt: []byte("12345678"), Iterations: iterations}
	made.Digest.Algorithm.Algorithm = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	made.Digest.Value = make([]byte, sha256.Size)
	read.MAC = asn1.RawValue{FullBytes: marshal(t, made)}
	read.AuthSafe.Value = explicit(read.AuthSafe.Value.Bytes)
	return marshal(t, read)
}

// withLongKey gives an archive a MAC whose key is long.
func withLongKey(t *testing.T, archive []byte) []byte {
	t.Helper()
	hash := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}}
	derived, err := algorithm(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, derivation{[]byte("12345678"), 400_000, 400_000, hash})
	if err != nil {
		t.Fatal(err)
	}
	var read pfx
	if _, err := asn1.Unmarshal(archive, &read); err != nil {
		t.Fatal(err)
	}
	made := mac{Salt: []byte("12345678"), Iterations: 1}
	if made.Digest.Algorithm, err = algorithm(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}, algorithms{Derivation: derived, Hash: hash}); err != nil {
		t.Fatal(err)
	}
	made.Digest.Value = make([]byte, sha256.Size)
	read.MAC = asn1.RawValue{FullBytes: marshal(t, made)}
	read.AuthSafe.Value = explicit(read.AuthSafe.Value.Bytes)
	return marshal(t, read)
}

func dataPart(t *testing.T, bags []bag) content {
	t.Helper()
	return content{Type: dataType(), Value: explicit(marshal(t, marshal(t, bags)))}
}

func encryptedKey(t *testing.T, iterations int) bag {
	t.Helper()
	info := struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{scheme(t, iterations), make([]byte, 32)}
	return bag{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}, Value: explicit(marshal(t, info))}
}

func scheme(t *testing.T, iterations int) pkix.AlgorithmIdentifier {
	t.Helper()
	derived, err := algorithm(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, struct {
		Salt       []byte
		Iterations int
		Hash       pkix.AlgorithmIdentifier
	}{[]byte("12345678"), iterations, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}}})
	if err != nil {
		t.Fatal(err)
	}
	cipher, err := algorithm(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, make([]byte, aes.BlockSize))
	if err != nil {
		t.Fatal(err)
	}
	made, err := algorithm(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, algorithms{Derivation: derived, Hash: cipher})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// encryptedPart encrypts bags with one iteration, whatever it says.
func encryptedPart(t *testing.T, iterations int, password string, bags []bag) content {
	t.Helper()
	key, err := pbkdf2.Key(sha256.New, password, []byte("12345678"), 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	text := marshal(t, bags)
	padding := aes.BlockSize - len(text)%aes.BlockSize
	text = append(text, bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(text, text)
	type info struct {
		Type      asn1.ObjectIdentifier
		Algorithm pkix.AlgorithmIdentifier
		Content   []byte `asn1:"tag:0"`
	}
	sealed := struct {
		Version int
		Info    info
	}{0, info{dataType(), scheme(t, iterations), text}}
	return content{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}, Value: explicit(marshal(t, sealed))}
}

// A password longer than an archive takes, and bytes that are none.
func TestPKCS12OfNonsense(t *testing.T) {
	noise := make([]byte, 4096)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string]string{"empty": "", "noise": string(noise), "text": "archive", "nested": strings.Repeat("\x30\x80", 2000)} {
		t.Run(name, func(t *testing.T) {
			refused(t, `{{ .archive | pkcs12key }}`, map[string]string{"archive": archive})
		})
	}
}
