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
	// request is a generator's, at its field.
	request *policy.Read
	// unknown are problems of the object around the provider.
	unknown field.ErrorList
	at      *field.Path
}

// access is that of a user.
func (r *reach) access(namespace string, vaults map[string]api.Vault) access {
	if r.provider == nil {
		return access{problems: append(r.unknown, field.Required(r.at, "name the Vault"))}
	}
	found := r.provider.access(user{namespace, r.cluster}, vaults, r.at)
	found.problems = append(r.unknown, found.problems...)
	return found
}

// asker is a namespace, and an object there that asks.
type asker struct {
	api.Surroundings

	namespace string
	claims    []*policy.Claim
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
// field. What is wrong with that object is wrong with the reference to it.
func (a *asker) ask(by reaching, reads []policy.Read, problems field.ErrorList, at *field.Path) {
	reach := by.reach()
	access := reach.access(a.namespace, a.Vaults())
	for _, problem := range access.problems {
		problems = append(problems, field.Forbidden(at, fmt.Sprintf("%s %q: %s", reach.kind, by.GetName(), problem.Error())))
	}
	a.claims = append(a.claims, refusal(a.namespace, problems)...)
	if len(access.problems) == 0 && len(reads) > 0 {
		a.claims = append(a.claims, access.claims(reads, at)...)
	}
}
