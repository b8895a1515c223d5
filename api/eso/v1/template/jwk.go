package template

import (
	"crypto/x509"

	"github.com/go-jose/go-jose/v4"
)

// jwkPublicKeyPEM is the public part of a key, as PKIX.
func jwkPublicKeyPEM(document string) (string, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON([]byte(document)); err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public().Key)
	return encodePEM("PUBLIC KEY", der), err
}

// jwkPrivateKeyPEM is a private key as PKCS#8.
func jwkPrivateKeyPEM(document string) (string, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON([]byte(document)); err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.Key)
	return encodePEM(privateKeyPEM, der), err
}
