package policy

import (
	"cmp"
	"fmt"

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
	// ServiceAccount is the one that the object itself chose to log in with;
	// empty leaves it to the rule.
	ServiceAccount string
	// ServiceAccountNamespace is where it is; empty is the object's namespace.
	ServiceAccountNamespace string
	// OwnIdentity holds where an empty ServiceAccount leaves nothing to the
	// rule: whoever syncs the object then logs in as itself.
	OwnIdentity bool
	// RoleField is the field that names the role.
	RoleField *field.Path
	// Login asks for the login alone, and for no read: that is how External
	// Secrets Operator tries a store.
	Login bool
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

// Operation is what is done with a path.
type Operation string

// The operations. OperationWrite is whatever may change something: it also
// stands for a delete.
const (
	OperationRead  Operation = "read"
	OperationWrite Operation = "write"
)

// Valid reports whether o is one of the operations.
func (o Operation) Valid() bool { return o == OperationRead || o == OperationWrite }

// Read is one request for a value, or to write one.
type Read struct {
	// Path is the full Vault API path, as an ACL policy spells it:
	// "secret/data/app/db".
	Path string
	// Version is a KV v2 version; 0 is the latest.
	Version int
	// Operation is OperationRead where it is empty.
	Operation Operation
	// Subtree asks for every path below Path, and not for Path itself. Only
	// then Path may be a mount alone.
	Subtree bool
	// Names is where the names below Path are listed, in the same mount; empty
	// is Path. Whoever may read everything may know what there is.
	Names string
	// Field is the field of the object that asks for it.
	Field *field.Path
}

// ListPath is where the names below a subtree are listed.
func (r *Read) ListPath() string { return cmp.Or(r.Names, r.Path) }

func (r *Read) operation() Operation { return cmp.Or(r.Operation, OperationRead) }

// Problem says why the path cannot be asked for.
func (r *Read) Problem() string {
	if r.Subtree {
		return subtreeProblem(r.Path)
	}
	return PathProblem(r.Path)
}

// String is what the user is told of it.
func (r *Read) String() string {
	what := fmt.Sprintf("%q", r.Path)
	if r.Subtree {
		what = "everything below " + what
	}
	if r.operation() == OperationWrite {
		what = "writing " + what
	}
	return what
}

// Reference is one read with everything of its claim that matters to the
// verdict. Two equal references always get the same verdict of one policy.
type Reference struct {
	Namespace, Vault, VaultNamespace, AuthMount, AuthMethod, Role string

	ServiceAccount, ServiceAccountNamespace string
	OwnIdentity                             bool

	Path      string
	Version   int
	Operation Operation
	Subtree   bool
}

// Reference is the i-th read of the claim as a whole tuple.
func (c *Claim) Reference(i int) Reference {
	read := &c.Reads[i]
	return Reference{
		Namespace: c.Namespace, Vault: c.Vault, VaultNamespace: c.VaultNamespace,
		AuthMount: c.AuthMount, AuthMethod: c.method(), Role: c.Role,
		ServiceAccount: c.ServiceAccount, ServiceAccountNamespace: c.ServiceAccountNamespace, OwnIdentity: c.OwnIdentity,
		Path: read.Path, Version: read.Version, Operation: read.operation(), Subtree: read.Subtree,
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
