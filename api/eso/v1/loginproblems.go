package v1

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/policy"
)

// syncProblems is what Countersign cannot do of a provider, or would not.
func (p *VaultProvider) syncProblems(by user, at *field.Path) field.ErrorList {
	var problems field.ErrorList
	if len(p.Headers) > 0 {
		problems = append(problems, field.Forbidden(at.Child("headers"), "Countersign sends no headers of a store; leave them out, or leave the store to External Secrets Operator"))
	}
	if p.TLS != nil {
		problems = append(problems, field.Forbidden(at.Child("tls"), "the operators of Countersign configure its client certificate; leave it out"))
	}
	if p.Auth == nil {
		return problems
	}
	return append(problems, p.Auth.syncProblems(by, at.Child("auth"))...)
}

func (a *VaultAuth) syncProblems(by user, at *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, one := range a.methods(at) {
		switch one.name {
		case policy.MethodKubernetes, "token", "approle", "jwt", "cert":
		default:
			problems = append(problems, field.Forbidden(one.at, "Countersign logs in with kubernetes, appRole, jwt, cert or tokenSecretRef; choose one, or leave the store to External Secrets Operator"))
		}
	}
	for _, one := range a.refs(at) {
		problems = append(problems, one.problems(by)...)
	}
	return problems
}

// ref is a reference to a value in a Secret.
type ref struct {
	to *SecretRef
	// key: it has to name one.
	key bool
	at  *field.Path
}

// refs are those that a login needs.
func (a *VaultAuth) refs(at *field.Path) []ref {
	var all []ref
	if a.TokenSecretRef != nil {
		all = append(all, ref{a.TokenSecretRef, true, at.Child("tokenSecretRef")})
	}
	if m, at := a.AppRole, at.Child("appRole"); m != nil {
		if m.RoleID == "" {
			all = append(all, ref{m.RoleRef, true, at.Child("roleRef")})
		}
		all = append(all, ref{m.SecretRef, true, at.Child("secretRef")})
	}
	if m, at := a.Kubernetes, at.Child("kubernetes"); m != nil && m.ServiceAccountRef == nil && m.SecretRef != nil {
		all = append(all, ref{m.SecretRef, false, at.Child("secretRef")})
	}
	if m, at := a.JWT, at.Child("jwt"); m != nil && (m.SecretRef != nil || m.ServiceAccountToken == nil) {
		all = append(all, ref{m.SecretRef, true, at.Child("secretRef")})
	}
	if m, at := a.Cert, at.Child("cert"); m != nil {
		all = append(all, ref{m.ClientCert, true, at.Child("clientCert")}, ref{m.SecretRef, true, at.Child("secretRef")})
	}
	return all
}

func (r *ref) problems(by user) field.ErrorList {
	switch {
	case r.to == nil || r.to.Name == "":
		return field.ErrorList{field.Required(r.at.Child("name"), "name the Secret")}
	case r.key && r.to.Key == "":
		return field.ErrorList{field.Required(r.at.Child("key"), "name the key in the Secret")}
	case !by.cluster && r.to.Namespace != nil && *r.to.Namespace != by.namespace:
		return field.ErrorList{field.Invalid(r.at.Child("namespace"), *r.to.Namespace, fmt.Sprintf(
			"only a ClusterSecretStore may name another namespace than %q; leave it out", by.namespace))}
	}
	return nil
}
