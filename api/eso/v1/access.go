package v1

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// user is whose request it is.
type user struct {
	namespace string
	// cluster holds where a ClusterSecretStore makes the request: only it may
	// name other namespaces.
	cluster bool
}

// access is a login, and what is wrong with it.
type access struct {
	// login has all parts of a claim but what is read.
	login policy.Claim
	// authNamespace is the Vault namespace that the login itself goes to.
	authNamespace string
	problems      field.ErrorList
}

// access is how a provider that stands at a field logs in.
func (p *VaultProvider) access(by user, vaults map[string]api.Vault, at *field.Path) access {
	found := access{login: policy.Claim{Namespace: by.namespace, VaultNamespace: p.Namespace, OwnIdentity: true}, authNamespace: p.Namespace}
	found.problems = append(unknownProblems(p.Unknown, at), headerProblems(p.Headers, at.Child("headers"))...)
	name, known := vaultAt(p.Server, p.Namespace, vaults)
	if !known {
		found.problems = append(found.problems, unknownServer(p.Server, vaults, at.Child("server")))
	}
	found.login.Vault = name
	found.problems = append(found.problems, p.caProblems(vaults[name], by, at)...)
	if p.Auth != nil && p.Auth.Namespace != nil {
		found.authNamespace = *p.Auth.Namespace
	}
	found.addMethod(p.Auth, by, vaults[name].Audience, at.Child("auth"))
	return found
}

func (a *access) addMethod(auth *VaultAuth, by user, audience string, at *field.Path) {
	var methods []method
	if auth != nil {
		methods = auth.methods(at)
	}
	switch len(methods) {
	case 0:
		a.problems = append(a.problems, field.Required(at, "name an auth method; ESO would send whatever token it happens to have"))
		return
	case 1:
	default:
		for _, more := range methods[1:] {
			a.problems = append(a.problems, field.Forbidden(more.at, "one auth method only; leave out the others"))
		}
	}
	one := &methods[0]
	a.problems = append(a.problems, one.problems(audience)...)
	a.login.AuthMethod, a.login.AuthMount, a.login.Role = one.name, one.mount, one.policyRole()
	if one.account != nil {
		a.login.ServiceAccount = one.account.Name
		if by.cluster && one.account.Namespace != by.namespace {
			a.login.ServiceAccountNamespace = one.account.Namespace
		}
	}
}

// claims ask for reads with the login, or for the login alone. A login at
// another Vault namespace is a claim of its own.
func (a *access) claims(reads []policy.Read, roleField *field.Path) []*policy.Claim {
	claim := a.login
	claim.Reads, claim.RoleField, claim.Login = reads, roleField, len(reads) == 0
	claims := []*policy.Claim{&claim}
	if a.authNamespace != claim.VaultNamespace {
		login := a.login
		login.VaultNamespace, login.RoleField, login.Login = a.authNamespace, roleField, true
		claims = append(claims, &login)
	}
	return claims
}

// refusal is a claim that has problems only.
func refusal(namespace string, problems field.ErrorList) []*policy.Claim {
	if len(problems) == 0 {
		return nil
	}
	return []*policy.Claim{{Namespace: namespace, Problems: problems}}
}
