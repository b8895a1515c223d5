package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
)

// parse reads a bundle of PEM certificates, of which there is at least one.
func parse(bundle []byte) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(found)+1, err)
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, errors.New("no PEM certificate")
	}
	return found, nil
}

// encode is the opposite of parse.
func encode(certificates ...*x509.Certificate) []byte {
	var bundle []byte
	for _, certificate := range certificates {
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	return bundle
}

// keyPair reads a CA as cert-controller writes it.
func keyPair(cert, key []byte) (*rotator.KeyPairArtifacts, error) {
	found, err := parse(cert)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(key)
	if block == nil {
		return nil, errors.New("no PEM key")
	}
	parsed, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		// The error may not quote the key, but its text says nothing anyway.
		return nil, errors.New("not a PKCS #1 key")
	}
	return &rotator.KeyPairArtifacts{Cert: found[0], CertPEM: cert, KeyPEM: key, Key: parsed}, nil
}
