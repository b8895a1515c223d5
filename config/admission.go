package config

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// Admission is the claim that an object is admitted or refused by. It is nil
// for an object of another backend than Vault where those may pass.
func (s *Settings) Admission(object api.Source) *policy.Claim {
	claim := object.Claim(s.Defaults())
	if claim == nil && s.OtherBackends == RefuseOthers {
		at := field.NewPath("spec", "backendType")
		return &policy.Claim{
			Namespace: object.GetNamespace(),
			Problems:  field.ErrorList{field.Forbidden(at, "this cluster admits the vault backend only")},
		}
	}
	return claim
}

// Claims are those that a guarded object is admitted or refused by. There is
// none for an object of another provider than Vault where those may pass.
func (o OtherBackends) Claims(ctx context.Context, object api.Guarded, around api.Surroundings) ([]*policy.Claim, error) {
	claims, err := object.Claims(ctx, around)
	if at := object.OtherProvider(); at != nil && o == RefuseOthers {
		claims = append(claims, &policy.Claim{
			Namespace: object.GetNamespace(),
			Problems:  field.ErrorList{field.Forbidden(at, "this cluster admits Vault only")},
		})
	}
	return claims, err
}
