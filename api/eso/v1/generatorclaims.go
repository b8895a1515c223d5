package v1

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// reach: ESO lets no generator name another namespace, not even that of the
// whole cluster.
func (s *VaultDynamicSecretSpec) reach(kind string, at *field.Path) *reach {
	return &reach{
		kind: kind, provider: s.Provider, request: s.request(at.Child("path")),
		unknown: unknownProblems(s.Unknown, at), at: at.Child("provider"),
	}
}

// request takes a list for a read: it is asked of the path. ESO knows methods
// in upper case, and has any other post.
func (s *VaultDynamicSecretSpec) request(at *field.Path) *policy.Read {
	operation := policy.OperationWrite
	if slices.Contains([]string{"", "GET", "LIST"}, s.Method) {
		operation = policy.OperationRead
	}
	return &policy.Read{Path: s.Path, Operation: operation, Field: at}
}

func (s *VaultDynamicSecret) reach() *reach { return s.Spec.reach(KindVaultDynamicSecret, specPath()) }

// Claims is the request, as an object of the namespace would make it.
func (s *VaultDynamicSecret) Claims(_ context.Context, around api.Surroundings) ([]*policy.Claim, error) {
	reach := s.reach()
	access := reach.access(s.Namespace, around.Operator())
	if len(access.problems) > 0 {
		return refusal(s.Namespace, access.problems), nil
	}
	return access.claims([]policy.Read{*reach.request}, reach.at.Child("auth")), nil
}

// Refers has nothing: others refer to the generator.
func (*VaultDynamicSecret) Refers() []api.Referent { return nil }

// OtherProvider is none.
func (*VaultDynamicSecret) OtherProvider() *field.Path { return nil }

func (s *ClusterGenerator) reach() *reach {
	spec := s.Spec.Generator.VaultDynamicSecretSpec
	if s.Spec.Kind != KindVaultDynamicSecret || spec == nil {
		return nil
	}
	found := spec.reach(KindClusterGenerator, specPath().Child("generator", "vaultDynamicSecretSpec"))
	found.unknown = append(unknownProblems(s.Spec.Unknown, specPath()), found.unknown...)
	return found
}

// Claims has only what is wrong whoever uses the generator: it is of no
// namespace, and judged with each object that refers to it.
func (s *ClusterGenerator) Claims(_ context.Context, around api.Surroundings) ([]*policy.Claim, error) {
	return wrongForAll(s.reach(), around), nil
}

// Refers has nothing: others refer to the generator.
func (*ClusterGenerator) Refers() []api.Referent { return nil }

// OtherProvider is none: what is made without a provider is no other one.
func (*ClusterGenerator) OtherProvider() *field.Path { return nil }
