package template

import (
	"bytes"
	"crypto/x509"
	"strings"
)

const (
	noLeaf     refusal = "finds no leaf certificate"
	manyLeaves refusal = "finds more than one leaf certificate, or certificates of several chains"
)

// filterCertChain answers the leaf, the intermediates or the root of a chain,
// and no text where the chain has none.
func filterCertChain(part, text string) (string, error) {
	certificates, _, err := parseCertificates([]byte(text))
	if err != nil {
		return "", err
	}
	chain, err := order(certificates)
	if err != nil {
		return "", err
	}
	first, last := chain[0], chain[len(chain)-1]
	switch {
	case part == "leaf" && !isRoot(first):
		return encodeCertificates(chain[:1]), nil
	case part == "intermediate":
		return encodeCertificates(intermediates(chain)), nil
	case part == "root" && isRoot(last):
		return encodeCertificates(chain[len(chain)-1:]), nil
	}
	return "", nil
}

func intermediates(chain []*x509.Certificate) []*x509.Certificate {
	for i, certificate := range chain[1:] {
		if isRoot(certificate) {
			return chain[1 : i+1]
		}
	}
	return chain[1:]
}

func isRoot(c *x509.Certificate) bool {
	return c.AuthorityKeyId == nil || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId)
}

func encodeCertificates(certificates []*x509.Certificate) string {
	var text strings.Builder
	for _, certificate := range certificates {
		text.WriteString(encodePEM(certificatePEM, certificate.Raw))
	}
	return text.String()
}

// order sorts the certificates of one chain from leaf to root by the ids of
// their keys. It tells nothing about whether they are to be trusted.
func order(certificates []*x509.Certificate) ([]*x509.Certificate, error) {
	issuers := issuersOf(certificates)
	isIssuer := make([]bool, len(certificates))
	for _, issuer := range issuers {
		if issuer >= 0 {
			isIssuer[issuer] = true
		}
	}
	leaf := -1
	for i := range certificates {
		switch {
		case isIssuer[i]:
		case leaf >= 0:
			return nil, manyLeaves
		default:
			leaf = i
		}
	}
	if leaf < 0 {
		return nil, noLeaf
	}
	var chain []*x509.Certificate
	for at := leaf; at >= 0; at = issuers[at] {
		if len(chain) == len(certificates) {
			return nil, manyLeaves // a cycle
		}
		chain = append(chain, certificates[at])
	}
	return chain, nil
}

// issuersOf finds for each certificate the first other one whose key signed
// it, or -1.
func issuersOf(certificates []*x509.Certificate) []int {
	byKey := map[string][]int{}
	for i, certificate := range certificates {
		byKey[string(certificate.SubjectKeyId)] = append(byKey[string(certificate.SubjectKeyId)], i)
	}
	issuers := make([]int, len(certificates))
	for i, certificate := range certificates {
		candidates := byKey[string(certificate.AuthorityKeyId)]
		if len(candidates) > 0 && candidates[0] == i {
			candidates = candidates[1:]
		}
		issuers[i] = -1
		if len(candidates) > 0 {
			issuers[i] = candidates[0]
		}
	}
	return issuers
}
