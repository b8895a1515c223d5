package v1

import (
	"context"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// Ours are Vault's objects that are for this instance.
func (e *ExternalSecret) Ours(_ context.Context, around api.Surroundings) (bool, error) {
	return e.Spec.BackendType == BackendVault && e.Spec.ControllerID == around.Operator().ControllerID, nil
}

// Plan is to read all keys with one login.
func (e *ExternalSecret) Plan(ctx context.Context, around api.Surroundings) (*api.Plan, error) {
	if ours, err := e.Ours(ctx, around); !ours || err != nil {
		return nil, err
	}
	claim := e.Claim(around.Operator().Defaults)
	return &api.Plan{
		Claims: []*policy.Claim{claim},
		Logins: []api.Login{{
			Method: policy.MethodKubernetes, Mount: claim.AuthMount, Role: claim.Role,
			Namespace: claim.VaultNamespace, AuthNamespace: claim.VaultNamespace,
		}},
		Render: func(ctx context.Context, material api.Material) (*api.Content, error) {
			values, err := readAll(ctx, claim, material.Doors[0])
			if err != nil {
				return nil, err
			}
			content, problems := e.Render(values)
			if len(problems) > 0 {
				return nil, &api.ValueError{Problems: problems}
			}
			return content, nil
		},
	}, nil
}

func readAll(ctx context.Context, claim *policy.Claim, door api.Door) (api.Values, error) {
	values := api.Values{}
	for _, read := range claim.Reads {
		address := api.Address{Path: read.Path, Version: read.Version}
		answer, err := door(ctx, address, read.Field)
		if err != nil {
			return nil, err
		}
		values[address] = answer
	}
	return values, nil
}
