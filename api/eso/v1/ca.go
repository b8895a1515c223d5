package v1

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

// caProblems keeps a store from trusting a certificate that the operator does
// not, and from reading another namespace's objects.
func (p *VaultProvider) caProblems(vault api.Vault, by user, at *field.Path) field.ErrorList {
	var problems field.ErrorList
	if ref := p.CAProvider; ref != nil && !by.cluster && ref.Namespace != nil && *ref.Namespace != by.namespace {
		problems = append(problems, field.Invalid(at.Child("caProvider", "namespace"), *ref.Namespace, "only a ClusterSecretStore may name another namespace; leave it out"))
	}
	if len(p.CABundle) > 0 && len(vault.CA) > 0 && !trustsOnly(p.CABundle, vault.CA) {
		problems = append(problems, field.Forbidden(at.Child("caBundle"), "it is, or has, another certificate than the operators trust for this Vault; leave out the others"))
	}
	return problems
}

// trustsOnly reports whether a bundle has certificates of another one and no
// further.
func trustsOnly(bundle, trusted []byte) bool {
	have, allowed := certificates(bundle), certificates(trusted)
	for _, one := range have {
		known := false
		for _, other := range allowed {
			known = known || bytes.Equal(one, other)
		}
		if !known {
			return false
		}
	}
	return len(have) > 0
}

// certificates are those of a PEM bundle, or of one that is Base64 once more:
// ESO takes that, too.
func certificates(bundle []byte) [][]byte {
	if found := pemCertificates(bundle); len(found) > 0 {
		return found
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		if decoded, err := encoding.DecodeString(string(bytes.TrimSpace(bundle))); err == nil {
			return pemCertificates(decoded)
		}
	}
	return nil
}

func pemCertificates(data []byte) [][]byte {
	var found [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			found = append(found, block.Bytes)
		}
	}
	return found
}
