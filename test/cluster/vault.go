package cluster

import (
	"context"
	"time"

	"github.com/countersign/countersign/test/harness"
)

// The names of the seed text, and of the README.
const (
	Mount            = "kubernetes"
	Role             = "kubernetes-external-secrets"
	ReleaseNamespace = "countersign-system"
)

// furnishVault lets Countersign read everything below the mount: what a tenant
// may have of it is for Countersign's policy to say.
func furnishVault(ctx context.Context, vault *harness.Vault) error {
	steps := []func() error{
		func() error { return harness.Eventually(ctx, lookInterval, upWithin, vault.Healthy) },
		func() error { return vault.AuditObjects(ctx) },
		func() error { return vault.EnableKubernetesAuth(ctx, Mount) },
		func() error { return vault.MountKV(ctx, Mount, 2) },
		func() error {
			return vault.WritePolicy(ctx, "reader", `path "`+Mount+`/data/*" { capabilities = ["read"] }`)
		},
		func() error {
			return vault.WriteRole(ctx, Mount, harness.Role{
				Name: Role, ServiceAccounts: []string{"countersign"}, Namespaces: []string{ReleaseNamespace},
				Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
			})
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
