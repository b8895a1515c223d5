package template

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

const (
	certificatePEM = "CERTIFICATE"
	privateKeyPEM  = "PRIVATE KEY"

	noPEM         refusal = "finds no PEM block where one is due"
	noCertificate refusal = "finds a PEM block that is no certificate"
	noPrivateKey  refusal = "finds no private key of a known kind"
)

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// filterPEM keeps the blocks of one type, in upper or lower case.
func filterPEM(kind, text string) (string, error) {
	var kept bytes.Buffer
	block, rest := pem.Decode(fromFirstBlock(text))
	for ; block != nil; block, rest = pem.Decode(rest) {
		if !strings.EqualFold(block.Type, kind) {
			continue
		}
		if err := pem.Encode(&kept, block); err != nil {
			return "", err
		}
	}
	if kept.Len() == 0 && len(rest) > 0 {
		return "", noPEM
	}
	return kept.String(), nil
}

// fromFirstBlock leaves out the text before the first block.
func fromFirstBlock(text string) []byte {
	if begin := strings.Index(text, "-----BEGIN"); begin > 0 {
		text = text[begin:]
	}
	return []byte(text)
}

// certSANs lists DNS names, IP addresses, email addresses and URIs, in this
// order.
func certSANs(text string) ([]string, error) {
	block, _ := pem.Decode(fromFirstBlock(text))
	if block == nil {
		return nil, noPEM
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, noCertificate
	}
	names := append([]string{}, certificate.DNSNames...)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	names = append(names, certificate.EmailAddresses...)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	return names, nil
}

// parseCertificates reads the blocks before anything that is none, and answers
// what follows them.
func parseCertificates(text []byte) (certificates []*x509.Certificate, rest []byte, err error) {
	block, rest := pem.Decode(text)
	for ; block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, noCertificate
		}
		certificates = append(certificates, certificate)
	}
	return certificates, rest, nil
}

func parsePrivateKey(der []byte) (any, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, noPrivateKey
}
