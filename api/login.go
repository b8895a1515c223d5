package api

import "k8s.io/apimachinery/pkg/types"

// Login is how a session begins, and the Vault namespaces that it is for. Equal
// logins are one session.
// +kubebuilder:object:generate=false
type Login struct {
	// Method is the type of the auth method, as in a claim; empty is Kubernetes.
	Method string
	// Mount is that of the auth method, without "auth/".
	Mount string
	// Role is the role to log in with; empty for a method without roles.
	Role string
	// Namespace is the Vault namespace of what is read, AuthNamespace that of
	// the login itself.
	Namespace, AuthNamespace string
	// Identity is the ServiceAccount that logs in; empty is Countersign's own,
	// or the token of Secret.
	Identity types.NamespacedName
	// ID is an AppRole's role ID that the object itself holds.
	ID string
	// IDRef has the role ID in its place, CertRef a client certificate, and
	// SecretRef what is secret of a method: the token, the secret ID, or the
	// key of the certificate.
	IDRef, CertRef, SecretRef SecretKey
}

// SecretKey names a value in a Secret.
// +kubebuilder:object:generate=false
type SecretKey struct{ Namespace, Name, Key string }

// Auth methods of Vault, besides policy.MethodKubernetes.
// https://developer.hashicorp.com/vault/docs/auth
const (
	MethodAppRole = "approle"
	MethodToken   = "token"
	MethodJWT     = "jwt"
	MethodCert    = "cert"
)
