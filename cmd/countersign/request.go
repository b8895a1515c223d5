package main

import (
	"cmp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// claimOf is the claim of a single request, with the operator's defaults.
func claimOf(request *policy.Request, namespace string, settings *config.Settings) *policy.Claim {
	vault := cmp.Or(request.Vault, config.DefaultVault)
	configured := settings.Vaults[vault]
	return &policy.Claim{
		Namespace:      namespace,
		Vault:          vault,
		VaultNamespace: cmp.Or(request.VaultNamespace, configured.Namespace),
		AuthMount:      cmp.Or(request.AuthMount, configured.AuthMount),
		AuthMethod:     request.AuthMethod,
		Role:           cmp.Or(request.Role, configured.Role),
		RoleField:      field.NewPath("role"),
		ServiceAccount: request.ServiceAccount, ServiceAccountNamespace: request.ServiceAccountNamespace,
		Reads: []policy.Read{{Path: request.Path, Operation: request.Operation, Subtree: request.Subtree, Field: field.NewPath("path")}},
	}
}
