package harness

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	vaultapi "github.com/hashicorp/vault/api"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	reviewerName      = "vault-reviewer"
	reviewerNamespace = "kube-system"
	// A cluster may stand for months.
	reviewerLifetime = 365 * 24 * time.Hour
)

// Role is one of Vault's Kubernetes auth method: which ServiceAccounts may
// take it, and what it grants.
type Role struct {
	Name                        string
	ServiceAccounts, Namespaces []string
	Policies                    []string
	// Audience that the token must have; empty: any.
	Audience string
	// TTL and MaxTTL of the login; 0: Vault's default.
	TTL, MaxTTL time.Duration
}

// EnableKubernetesAuth mounts the auth method and lets Vault review tokens at
// this Env's apiserver, with a reviewer ServiceAccount of its own.
func (v *Vault) EnableKubernetesAuth(ctx context.Context, mount string) error {
	reviewer, err := v.env.tokenReviewer(ctx)
	if err != nil {
		return fmt.Errorf("token reviewer: %w", err)
	}
	err = v.Client.Sys().EnableAuthWithOptionsWithContext(ctx, mount, &vaultapi.EnableAuthOptions{Type: "kubernetes"})
	if err != nil {
		return fmt.Errorf("enable auth %s: %w", mount, err)
	}
	return v.write(ctx, "auth/"+mount+"/config", map[string]any{
		"kubernetes_host":      v.env.Config.Host,
		"kubernetes_ca_cert":   string(v.env.Config.CAData),
		"token_reviewer_jwt":   reviewer,
		"disable_local_ca_jwt": true,
	})
}

func (e *Env) tokenReviewer(ctx context.Context) (string, error) {
	meta := metav1.ObjectMeta{Namespace: reviewerNamespace, Name: reviewerName}
	objects := []client.Object{
		&corev1.ServiceAccount{ObjectMeta: meta},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: reviewerName},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:auth-delegator"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: reviewerNamespace, Name: reviewerName}},
		},
	}
	for _, object := range objects {
		if err := e.Client.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
			return "", err
		}
	}
	return e.Token(ctx, reviewerNamespace, reviewerName, "", reviewerLifetime)
}

// MountKV mounts a KV secrets engine of version 1 or 2, and returns when it
// takes writes: a fresh v2 mount first upgrades itself.
func (v *Vault) MountKV(ctx context.Context, path string, version int) error {
	err := v.Client.Sys().MountWithContext(ctx, path, &vaultapi.MountInput{
		Type: "kv", Options: map[string]string{"version": strconv.Itoa(version)},
	})
	if err != nil {
		return fmt.Errorf("mount %s: %w", path, err)
	}
	if version == 1 {
		return nil
	}
	return Eventually(ctx, readyInterval, readyWithin, func(ctx context.Context) error {
		_, err := v.Client.Logical().ReadWithContext(ctx, path+"/config")
		return err
	})
}

// PutKV writes a secret below a KV mount; path has no data/ also under v2.
func (v *Vault) PutKV(ctx context.Context, mount, path string, data map[string]any) error {
	mounts, err := v.Client.Sys().ListMountsWithContext(ctx)
	if err != nil {
		return err
	}
	found, ok := mounts[mount+"/"]
	switch {
	case !ok:
		return fmt.Errorf("vault has no mount %q", mount)
	case found.Options["version"] == "2":
		return v.write(ctx, mount+"/data/"+path, map[string]any{"data": data})
	default:
		return v.write(ctx, mount+"/"+path, data)
	}
}

// WritePolicy writes an ACL policy.
func (v *Vault) WritePolicy(ctx context.Context, name, rules string) error {
	if err := v.Client.Sys().PutPolicyWithContext(ctx, name, rules); err != nil {
		return fmt.Errorf("vault policy %s: %w", name, err)
	}
	return nil
}

// WriteRole writes a role of the Kubernetes auth method at authMount.
func (v *Vault) WriteRole(ctx context.Context, authMount string, role Role) error {
	if role.Name == "" {
		return errors.New("vault role without a name")
	}
	return v.write(ctx, "auth/"+authMount+"/role/"+role.Name, map[string]any{
		"bound_service_account_names":      role.ServiceAccounts,
		"bound_service_account_namespaces": role.Namespaces,
		"token_policies":                   role.Policies,
		"audience":                         role.Audience,
		"token_ttl":                        int(role.TTL.Seconds()),
		"token_max_ttl":                    int(role.MaxTTL.Seconds()),
	})
}
