package v1

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// reaching is an object that others reach Vault by.
type reaching interface {
	api.Guarded
	// reach is nil where another provider is reached.
	reach() *reach
}

// reach is how a store or generator reaches Vault.
type reach struct {
	kind     string
	cluster  bool
	provider *VaultProvider
	// store is the spec of a store; nil at a generator.
	store *SecretStoreSpec
	// request is a generator's, at its field.
	request *policy.Read
	// unknown are problems of the object around the provider.
	unknown field.ErrorList
	at      *field.Path
}

// access is that of a user.
func (r *reach) access(namespace string, operator api.Operator) access {
	if r.provider == nil {
		return access{problems: append(r.unknown, field.Required(r.at, "name the Vault"))}
	}
	found := r.provider.access(user{namespace, r.cluster}, operator.Vaults, r.at)
	found.problems = append(r.unknown, found.problems...)
	if r.isOurs(operator) {
		found.problems = append(found.problems, r.provider.syncProblems(user{namespace, r.cluster}, r.at)...)
	}
	return found
}

// isOurs reports a store whose objects Countersign syncs.
func (r *reach) isOurs(operator api.Operator) bool {
	return r.store != nil && r.store.isOurs(operator)
}

func (s *SecretStoreSpec) isOurs(operator api.Operator) bool {
	return operator.StoreClass != "" && s.Controller == operator.StoreClass
}

// login is how Countersign logs in.
func (r *reach) login(namespace string, access access) api.Login {
	return r.provider.login(user{namespace, r.cluster}, access)
}

// asker is a namespace, and an object there that asks.
type asker struct {
	api.Surroundings

	namespace string
	claims    []*policy.Claim
	// logins are those of the claims, by index.
	logins []api.Login
	// doors have the claim that reads, by store.
	doors map[api.Referent]int
	// engines are those of the stores, and sources tell them as they stand.
	engines map[api.Referent]engine
	sources []string
}

func (a *asker) refuse(problems field.ErrorList) {
	a.add(api.Login{}, refusal(a.namespace, problems)...)
}

func (a *asker) add(login api.Login, claims ...*policy.Claim) {
	for _, one := range claims {
		a.claims, a.logins = append(a.claims, one), append(a.logins, login)
	}
}

// reached are the objects of a reference by which Vault is reached.
func (a *asker) reached(ctx context.Context, to api.Referent) ([]reaching, error) {
	objects, err := a.Find(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", to.Kind.Kind, to.Name, err)
	}
	var found []reaching
	for _, object := range objects {
		if one, ok := object.(reaching); ok && one.reach() != nil {
			found = append(found, one)
		}
	}
	return found, nil
}

// ask adds the claims to read by way of an object that is referred to at a
// field. What is wrong with that object is wrong with the reference to it. The
// index of the claim that reads is negative where there is none.
func (a *asker) ask(by reaching, reads []policy.Read, problems field.ErrorList, at *field.Path) int {
	reach := by.reach()
	access := reach.access(a.namespace, a.Operator())
	for _, problem := range access.problems {
		problems = append(problems, field.Forbidden(at, fmt.Sprintf("%s %q: %s", reach.kind, by.GetName(), problem.Error())))
	}
	a.refuse(problems)
	if len(access.problems) > 0 || len(reads) == 0 {
		return -1
	}
	first := len(a.claims)
	a.add(reach.login(a.namespace, access), access.claims(reads, at)...)
	return first
}
