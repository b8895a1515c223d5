package template

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"software.sslmate.com/src/go-pkcs12"
)

func pkcs12Key(archive string) (string, error) { return pkcs12KeyPass("", archive) }

func pkcs12KeyPass(password, archive string) (string, error) {
	if err := refuseHiddenKey(archive, password); err != nil {
		return "", err
	}
	key, _, _, err := pkcs12.DecodeChain([]byte(archive), password)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return encodePEM(privateKeyPEM, der), err
}

func pkcs12Cert(archive string) (string, error) { return pkcs12CertPass("", archive) }

// pkcs12CertPass sorts the certificates from leaf to root, or leaves them as
// they are where they are not one chain.
func pkcs12CertPass(password, archive string) (string, error) {
	if err := refuseHiddenKey(archive, password); err != nil {
		return "", err
	}
	_, certificate, more, err := pkcs12.DecodeChain([]byte(archive), password)
	if err != nil {
		return "", err
	}
	certificates := append([]*x509.Certificate{certificate}, more...)
	if chain, err := order(certificates); err == nil {
		certificates = chain
	}
	return encodeCertificates(certificates), nil
}

func pemToPKCS12(certificate, key string) (string, error) {
	return pemToPKCS12Pass(certificate, key, "")
}

// pemToPKCS12Pass takes the first certificate only.
func pemToPKCS12Pass(certificate, key, password string) (string, error) {
	first, _ := pem.Decode([]byte(certificate))
	if first == nil {
		return "", noPEM
	}
	parsed, err := x509.ParseCertificate(first.Bytes)
	if err != nil {
		return "", noCertificate
	}
	return toPKCS12([]*x509.Certificate{parsed}, key, password)
}

func fullPEMToPKCS12(chain, key string) (string, error) {
	return fullPEMToPKCS12Pass(chain, key, "")
}

func fullPEMToPKCS12Pass(chain, key, password string) (string, error) {
	certificates, err := parseAllCertificates(chain)
	if err != nil {
		return "", err
	}
	return toPKCS12(certificates, key, password)
}

func toPKCS12(chain []*x509.Certificate, key, password string) (string, error) {
	block, _ := pem.Decode([]byte(key))
	if block == nil || len(chain) == 0 {
		return "", noPEM
	}
	parsed, err := parsePrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	archive, err := pkcs12.Modern.Encode(parsed, chain[0], chain[1:], password)
	return base64.StdEncoding.EncodeToString(archive), err
}

func pemTruststoreToPKCS12(certificates string) (string, error) {
	return pemTruststoreToPKCS12Pass(certificates, "")
}

func pemTruststoreToPKCS12Pass(certificates, password string) (string, error) {
	parsed, err := parseAllCertificates(certificates)
	if err != nil {
		return "", err
	}
	archive, err := pkcs12.Modern.EncodeTrustStore(parsed, password)
	return base64.StdEncoding.EncodeToString(archive), err
}

// parseAllCertificates refuses a text that holds anything after certificates.
func parseAllCertificates(text string) ([]*x509.Certificate, error) {
	certificates, rest, err := parseCertificates([]byte(text))
	if err == nil && len(rest) > 0 {
		err = noPEM
	}
	return certificates, err
}
