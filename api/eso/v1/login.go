package v1

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign/countersign/api"
)

// SecretRef names a value in a Secret. Only a ClusterSecretStore may name a
// namespace; left out, it is that of the object that refers to the store.
type SecretRef struct {
	Name      string  `json:"name,omitempty"`
	Namespace *string `json:"namespace,omitempty"`
	Key       string  `json:"key,omitempty"`
}

// login is how Countersign logs in with what was found of a provider's access.
func (p *VaultProvider) login(by user, found access) api.Login {
	claim := found.login
	login := api.Login{
		Method: claim.AuthMethod, Mount: claim.AuthMount,
		Namespace: claim.VaultNamespace, AuthNamespace: found.authNamespace,
	}
	if claim.ServiceAccount != "" {
		login.Identity = types.NamespacedName{Namespace: cmp.Or(claim.ServiceAccountNamespace, by.namespace), Name: claim.ServiceAccount}
	}
	p.Auth.fill(&login, by)
	return login
}

// fill adds the role, and where what is secret stands.
func (a *VaultAuth) fill(login *api.Login, by user) {
	switch {
	case a == nil:
	case a.TokenSecretRef != nil:
		login.SecretRef = by.secret(a.TokenSecretRef, "")
	case a.AppRole != nil:
		login.ID = strings.TrimSpace(a.AppRole.RoleID)
		login.IDRef, login.SecretRef = by.secret(a.AppRole.RoleRef, ""), by.secret(a.AppRole.SecretRef, "")
	case a.Kubernetes != nil:
		login.Role = a.Kubernetes.Role
		if a.Kubernetes.ServiceAccountRef == nil {
			login.SecretRef = by.secret(a.Kubernetes.SecretRef, "token")
		}
	case a.JWT != nil:
		login.Role = strings.TrimSpace(a.JWT.Role)
		login.SecretRef = by.secret(a.JWT.SecretRef, "")
	case a.Cert != nil:
		login.Role = a.Cert.VaultRole
		login.CertRef, login.SecretRef = by.secret(a.Cert.ClientCert, ""), by.secret(a.Cert.SecretRef, "")
	}
}

// secret is where a reference points to, with the key that ESO takes where none
// is named.
func (u user) secret(ref *SecretRef, key string) api.SecretKey {
	if ref == nil || ref.Name == "" {
		return api.SecretKey{}
	}
	namespace := u.namespace
	if u.cluster && ref.Namespace != nil {
		namespace = *ref.Namespace
	}
	return api.SecretKey{Namespace: namespace, Name: ref.Name, Key: cmp.Or(ref.Key, key)}
}
