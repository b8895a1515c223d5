package template

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // a hash that ESO offers for OAEP
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"hash"
)

// rsaDecrypt decrypts with a private key in PEM. The scheme "None" lets the
// ciphertext through.
func rsaDecrypt(scheme, hashName, ciphertext, key string) (string, error) {
	switch scheme {
	case "None":
		return ciphertext, nil
	case "RSA-OAEP":
	default:
		return "", refusal(`knows the schemes "RSA-OAEP" and "None"`)
	}
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return "", noPEM
	}
	private, err := parsePrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	rsaKey, isRSA := private.(*rsa.PrivateKey)
	if !isRSA {
		return "", refusal("needs an RSA key")
	}
	plain, err := rsa.DecryptOAEP(oaepHash(hashName), nil, rsaKey, []byte(ciphertext), nil)
	return string(plain), err
}

// oaepHash is SHA-256 where no other is named.
func oaepHash(name string) hash.Hash {
	switch name {
	case "SHA1":
		return sha1.New() //nolint:gosec // see above
	case "SHA512":
		return sha512.New()
	default:
		return sha256.New()
	}
}
