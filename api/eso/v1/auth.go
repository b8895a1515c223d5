package v1

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/policy"
)

// method is one way to log in.
type method struct {
	name, mount string
	// role is empty for a method without roles.
	role     string
	hasRoles bool
	// login is what follows the login's path.
	login string
	// account logs in; nil is a secret, or ESO itself.
	account *ServiceAccountRef
	// audiences are those of the token that Vault gets; none is the default of
	// the cluster.
	audiences []string
	at        *field.Path
}

// methods are all that are set, in the order in which ESO looks for them.
// Mounts that are left out are those that ESO's CRDs fill in.
func (a *VaultAuth) methods(at *field.Path) []method {
	var all []method
	if a.TokenSecretRef != nil {
		all = append(all, method{name: "token", mount: "token", at: at.Child("tokenSecretRef")})
	}
	if m := a.AppRole; m != nil {
		all = append(all, method{name: "approle", mount: cmp.Or(m.Path, "approle"), at: at.Child("appRole")})
	}
	if m := a.Kubernetes; m != nil {
		all = append(all, method{
			name: policy.MethodKubernetes, mount: cmp.Or(m.MountPath, "kubernetes"), role: m.Role, hasRoles: true,
			account: m.ServiceAccountRef, audiences: m.ServiceAccountRef.audiences(), at: at.Child("kubernetes"),
		})
	}
	if m := a.LDAP; m != nil {
		all = append(all, method{name: "ldap", mount: cmp.Or(m.Path, "ldap"), login: m.login(), at: at.Child("ldap")})
	}
	if m := a.UserPass; m != nil {
		all = append(all, method{name: "userpass", mount: cmp.Or(m.Path, "userpass"), login: m.login(), at: at.Child("userPass")})
	}
	if m := a.JWT; m != nil {
		account, audiences := m.ServiceAccountToken.account()
		all = append(all, method{
			name: "jwt", mount: cmp.Or(m.Path, "jwt"), role: strings.TrimSpace(m.Role), hasRoles: true,
			account: account, audiences: audiences, at: at.Child("jwt"),
		})
	}
	if m := a.Cert; m != nil {
		all = append(all, method{name: "cert", mount: cmp.Or(m.Path, "cert"), role: m.VaultRole, hasRoles: m.VaultRole != "", at: at.Child("cert")})
	}
	return append(all, a.cloudMethods(at)...)
}

// cloudMethods log in with tokens of a cloud, so that audiences are its.
func (a *VaultAuth) cloudMethods(at *field.Path) []method {
	var all []method
	if m := a.IAM; m != nil {
		var account *ServiceAccountRef
		if m.JWT != nil {
			account = m.JWT.ServiceAccountRef
		}
		all = append(all, method{name: "aws", mount: cmp.Or(m.Path, "aws"), role: m.VaultRole, hasRoles: true, account: account, at: at.Child("iam")})
	}
	if m := a.GCP; m != nil {
		account := m.ServiceAccountRef
		if m.WorkloadIdentity != nil {
			account = &m.WorkloadIdentity.ServiceAccountRef
		}
		all = append(all, method{name: "gcp", mount: cmp.Or(m.Path, "gcp"), role: m.Role, hasRoles: true, account: account, at: at.Child("gcp")})
	}
	return all
}

func (r *ServiceAccountRef) audiences() []string {
	if r == nil {
		return nil
	}
	return r.Audiences
}

// account adds the audience that ESO asks for where none is named.
func (t *ServiceAccountToken) account() (*ServiceAccountRef, []string) {
	if t == nil {
		return nil, nil
	}
	further := []string{"vault"}
	if t.Audiences != nil {
		further = *t.Audiences
	}
	return &t.ServiceAccountRef, slices.Concat(t.ServiceAccountRef.Audiences, further)
}

func (a *PasswordAuth) login() string { return "/" + strings.TrimSpace(a.Username) }

// policyRole is the role, or what stands for it in rules.
func (m *method) policyRole() string {
	if m.hasRoles {
		return m.role
	}
	return m.name + ":" + m.mount
}

func (m *method) problems(audience string) field.ErrorList {
	var problems field.ErrorList
	if path := "auth/" + m.mount + "/login" + m.login; policy.PathProblem(path) != "" {
		problems = append(problems, field.Invalid(m.at, path, "not the path of a login; write the mount, and the user name if there is one, without slashes around it"))
	}
	for _, one := range m.audiences {
		if one != audience {
			problems = append(problems, field.Invalid(m.at, one, fmt.Sprintf("tokens for this Vault have the audience %q; write that one and no other", audience)))
		}
	}
	return problems
}
