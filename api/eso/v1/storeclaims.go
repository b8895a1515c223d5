package v1

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

func specPath() *field.Path { return field.NewPath("spec") }

func (s *SecretStoreSpec) reach(kind string, cluster bool) *reach {
	if s.Provider.Vault == nil {
		return nil
	}
	return &reach{
		kind: kind, cluster: cluster, provider: s.Provider.Vault, store: s,
		unknown: unknownProblems(s.Unknown, specPath()), at: specPath().Child("provider", "vault"),
	}
}

func (s *SecretStoreSpec) otherProvider() *field.Path {
	if s.Provider.Other == "" {
		return nil
	}
	return specPath().Child("provider", s.Provider.Other)
}

func (s *SecretStore) reach() *reach { return s.Spec.reach(KindSecretStore, false) }

// Claims is the login by which ESO tries the store.
func (s *SecretStore) Claims(_ context.Context, around api.Surroundings) ([]*policy.Claim, error) {
	reach := s.reach()
	if reach == nil {
		return nil, nil
	}
	access := reach.access(s.Namespace, around.Operator())
	if len(access.problems) > 0 {
		return refusal(s.Namespace, access.problems), nil
	}
	return access.claims(nil, reach.at.Child("auth")), nil
}

// Refers has nothing: others refer to the store.
func (*SecretStore) Refers() []api.Referent { return nil }

// OtherProvider is in place of Vault.
func (s *SecretStore) OtherProvider() *field.Path { return s.Spec.otherProvider() }

func (s *ClusterSecretStore) reach() *reach { return s.Spec.reach(KindClusterSecretStore, true) }

// Claims has only what is wrong whoever uses the store: it is of no namespace,
// and judged with each object that refers to it.
func (s *ClusterSecretStore) Claims(_ context.Context, around api.Surroundings) ([]*policy.Claim, error) {
	return wrongForAll(s.reach(), around), nil
}

func wrongForAll(reach *reach, around api.Surroundings) []*policy.Claim {
	if reach == nil {
		return nil
	}
	return refusal("", reach.access("", around.Operator()).problems)
}

// Refers has nothing: others refer to the store.
func (*ClusterSecretStore) Refers() []api.Referent { return nil }

// OtherProvider is in place of Vault.
func (s *ClusterSecretStore) OtherProvider() *field.Path { return s.Spec.otherProvider() }
