package vaultside

import (
	"fmt"
	"strings"

	"github.com/countersign/countersign/policy"
)

const defaultAuthMount = "kubernetes"

// policyName is unique for each login within one Vault and Vault namespace, and
// depends on nothing else, so that a further rule renames nothing. Vault folds
// the case of names of policies.
func policyName(login policy.Login) string {
	name := "countersign-" + encode(login.Role)
	if login.AuthMount != defaultAuthMount || login.AuthMethod != policy.MethodKubernetes {
		name += "_at_" + encode(login.AuthMount)
	}
	if login.AuthMethod != policy.MethodKubernetes {
		name += "_by_" + encode(login.AuthMethod)
	}
	return name
}

// resourceName is unique within one Vault.
func (r *Role) resourceName() string {
	if r.VaultNamespace == "" {
		return r.Policy
	}
	return r.Policy + "_in_" + encode(r.VaultNamespace)
}

// encode leaves lower case letters, digits and "-" as they are. All else is
// "_" with two hexadecimal digits, or "__" for "_" itself; no such pair begins
// like "_at_", "_by_" or "_in_".
func encode(text string) string {
	var encoded strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			encoded.WriteByte(c)
		case c == '_':
			encoded.WriteString("__")
		default:
			fmt.Fprintf(&encoded, "_%02x", c)
		}
	}
	return encoded.String()
}
