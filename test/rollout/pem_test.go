package rollout

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
)

func pemOf(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

// firstBlock of a bundle, as PEM.
func firstBlock(bundle []byte) []byte {
	block, _ := pem.Decode(bundle)
	if block == nil {
		return nil
	}
	return pem.EncodeToMemory(block)
}

// artifacts are a CA in cert-controller's words.
func artifacts(pair tls.Certificate) (*rotator.KeyPairArtifacts, error) {
	certificate, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return &rotator.KeyPairArtifacts{Cert: certificate, Key: key}, nil
}
