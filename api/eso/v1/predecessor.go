package v1

import (
	"crypto/sha3"
	"fmt"
)

// managerOfESO is the field manager by which ESO writes the Secret of an
// ExternalSecret.
// https://github.com/external-secrets/external-secrets/blob/v2.9.0/pkg/controllers/externalsecret/util.go
func managerOfESO(name string) string {
	const longest = 63
	if manager := "externalsecrets.external-secrets.io/" + name; len(manager) <= longest {
		return manager
	}
	return fmt.Sprintf("externalsecrets.external-secrets.io/sha3/%x", sha3.Sum224([]byte(name)))
}
