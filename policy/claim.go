package policy

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Claim is what one object asks of Vault, with defaults applied. Dialects make
// claims; nothing past that point knows dialects.
type Claim struct {
	// Namespace is the Kubernetes namespace of the object.
	Namespace string
	// Vault is the name of a Vault in the operator's settings.
	Vault string
	// VaultNamespace is that Vault's configured namespace (Enterprise, HCP).
	VaultNamespace string
	// AuthMount is the mount of the auth method, without "auth/".
	AuthMount string
	// AuthMethod is the type of the auth method; empty is MethodKubernetes.
	AuthMethod string
	// Role is the role of the auth method that the login asks for. A method
	// without roles has "method:mount".
	Role string
	// ServiceAccount is the one of the object's namespace that the object
	// itself chose to log in with; empty leaves it to the rule.
	ServiceAccount string
	// RoleField is the field that names the role.
	RoleField *field.Path
	// Reads are in the order of the object's fields.
	Reads []Read
	// Problems are what the dialect could not make a claim of. Each of them
	// denies the claim.
	Problems field.ErrorList
}

// MethodKubernetes is Vault's Kubernetes auth method, the default one.
// https://developer.hashicorp.com/vault/docs/auth/kubernetes
const MethodKubernetes = "kubernetes"

func (c *Claim) method() string { return cmp.Or(c.AuthMethod, MethodKubernetes) }

// Read is one request for a value.
type Read struct {
	// Path is the full Vault API path, as an ACL policy spells it:
	// "secret/data/app/db".
	Path string
	// Version is a KV v2 version; 0 is the latest.
	Version int
	// Field is the field of the object that asks for it.
	Field *field.Path
}

// Reference is one read with everything of its claim that matters to the
// verdict. Two equal references always get the same verdict of one policy.
type Reference struct {
	Namespace, Vault, VaultNamespace, AuthMount, AuthMethod, Role, ServiceAccount string

	Path    string
	Version int
}

// Reference is the i-th read of the claim as a whole tuple.
func (c *Claim) Reference(i int) Reference {
	return Reference{
		Namespace: c.Namespace, Vault: c.Vault, VaultNamespace: c.VaultNamespace,
		AuthMount: c.AuthMount, AuthMethod: c.method(), Role: c.Role, ServiceAccount: c.ServiceAccount,
		Path: c.Reads[i].Path, Version: c.Reads[i].Version,
	}
}

// References is the set of all references of the claim.
func (c *Claim) References() map[Reference]bool {
	set := make(map[Reference]bool, len(c.Reads))
	for i := range c.Reads {
		set[c.Reference(i)] = true
	}
	return set
}

func (c *Claim) distinctPaths() int {
	set := make(map[string]bool, len(c.Reads))
	for _, read := range c.Reads {
		set[read.Path] = true
	}
	return len(set)
}
