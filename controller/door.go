package controller

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/controller/vault"
	"github.com/countersign/countersign/policy"
)

// door reads for one claim: what that asks for, logged in as policy grants it,
// and each address once.
type door struct {
	vault  *vault.Vault
	claim  *policy.Claim
	login  api.Login
	grants []policy.Grant
	visit  vault.Visit

	answers map[api.Address]*vault.Answer
	// order is that in which they were read.
	order []api.Address
}

// doors are one for each claim.
func (r *Reconciler) doors(this *attempt) ([]*door, error) {
	visit := vault.Visit{Object: this.key().String(), Guard: counted(r.guard(this), &this.requests)}
	doors := make([]*door, len(this.plan.Claims))
	for i, claim := range this.plan.Claims {
		to, err := r.Vaults.Get(claim.Vault)
		if err != nil {
			return nil, err
		}
		doors[i] = &door{
			vault: to, claim: claim, login: this.plan.Logins[i], grants: this.verdicts[i].Grants, visit: visit,
			answers: map[api.Address]*vault.Answer{},
		}
	}
	return doors, nil
}

// read implements api.Door.
func (d *door) read(ctx context.Context, address api.Address, at *field.Path) (map[string]any, error) {
	if answer, known := d.answers[address]; known {
		return answer.Data, nil
	}
	granted := d.grantOf(address)
	if granted < 0 {
		return nil, &readError{at, &notAskedError{address.Path}}
	}
	answer, err := d.vault.Read(ctx, d.loginOf(granted), address, d.visit)
	if err != nil {
		return nil, &readError{at, err}
	}
	d.answers[address], d.order = answer, append(d.order, address)
	return answer.Data, nil
}

// loginOf a read is as the object says, or as the ServiceAccount of its own
// namespace that the rule names.
func (d *door) loginOf(granted int) api.Login {
	login, account := d.login, d.grants[granted].ServiceAccount
	if account != "" && login.Identity == (types.NamespacedName{}) {
		login.Identity = types.NamespacedName{Namespace: d.claim.Namespace, Name: account}
	}
	return login
}

// grantOf is the index of the read that asks for an address; -1 is none. A
// dialect has to claim what it reads: whatever Vault's answers name is below
// what was judged.
func (d *door) grantOf(address api.Address) int {
	for i := range d.claim.Reads {
		if asks(&d.claim.Reads[i], address) {
			return i
		}
	}
	return -1
}

func asks(read *policy.Read, address api.Address) bool {
	switch {
	case !read.Subtree:
		return !address.List && read.Path == address.Path && read.Version == address.Version
	case address.List:
		return isBelow(address.Path+"/", read.ListPath()) && policy.PathProblem(address.Path+"/x") == ""
	default:
		return isBelow(address.Path, read.Path) && policy.PathProblem(address.Path) == ""
	}
}

func isBelow(path, root string) bool { return strings.HasPrefix(path, root+"/") }

// notAskedError: what a secret is called in Vault makes a path that was never
// judged.
type notAskedError struct{ path string }

func (e *notAskedError) Error() string {
	return fmt.Sprintf("%q is no path that may be asked of Vault; rename the secret there", e.path)
}
