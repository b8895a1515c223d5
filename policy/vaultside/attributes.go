package vaultside

import (
	"strconv"

	"github.com/countersign/countersign/policy"
)

// attribute of a role of the Kubernetes auth method.
// https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#create-update-role
type attribute struct {
	name  string
	value any
	hcl   string
}

func (r *Role) isKubernetes() bool { return r.AuthMethod == policy.MethodKubernetes }

// attributes are none for a role of another method.
func (r *Role) attributes() []attribute {
	if !r.isKubernetes() {
		return nil
	}
	seconds := int(r.TokenTTL.Seconds())
	policies := []string{r.Policy}
	return []attribute{
		{"bound_service_account_names", r.ServiceAccounts, quoteHCLList(r.ServiceAccounts)},
		{"bound_service_account_namespaces", r.Namespaces, quoteHCLList(r.Namespaces)},
		{"audience", r.Audience, quoteHCL(r.Audience)},
		{"token_policies", policies, quoteHCLList(policies)},
		{"token_ttl", seconds, strconv.Itoa(seconds)},
	}
}
