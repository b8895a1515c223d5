package config

import (
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
