package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

const (
	releaseNamespace = "countersign-system"
	mount            = "kubernetes"
	role             = "kubernetes-external-secrets"
)

// budget is the highest request rate to Vault.
type budget struct {
	name             string
	perSecond, burst int
}

// stage is a cluster whose objects are admitted and not yet synced.
type stage struct {
	env     *harness.Env
	release harness.Release
	objects int
}

func setUp(ctx context.Context, objects int, budget budget) (*stage, error) {
	env, err := harness.Start(ctx, harness.Options{Scheme: []func(*runtime.Scheme) error{kesv1.AddToScheme}})
	if err != nil {
		return nil, err
	}
	s := &stage{env: env, release: releaseOf(env.Vault.Addr, budget), objects: objects}
	for _, step := range []func(context.Context) error{s.furnishVault, s.install, s.createObjects} {
		if err := step(ctx); err != nil {
			_ = env.Stop()
			return nil, err
		}
	}
	return s, nil
}

func releaseOf(vault string, budget budget) harness.Release {
	return harness.Release{Name: "countersign", Namespace: releaseNamespace, Values: map[string]any{
		"vault": map[string]any{"address": vault, "requestsPerSecond": budget.perSecond, "burst": budget.burst},
		"policy": map[string]any{
			"mounts": map[string]any{mount: map[string]any{"kv": 2}},
			"allow": []any{map[string]any{
				"name": "own-tree", "namespaces": map[string]any{"names": []any{"team-*"}},
				"paths": []any{mount + "/data/{namespace}/*"}, "roles": []any{role},
			}},
		},
	}}
}

func (s *stage) furnishVault(ctx context.Context) error {
	vault := s.env.Vault
	for _, step := range []func() error{
		func() error { return vault.EnableKubernetesAuth(ctx, mount) },
		func() error { return vault.MountKV(ctx, mount, 2) },
		func() error {
			return vault.WritePolicy(ctx, "reader", `path "`+mount+`/data/*" { capabilities = ["read"] }`)
		},
		func() error {
			return vault.WriteRole(ctx, mount, harness.Role{
				Name: role, ServiceAccounts: []string{"countersign"}, Namespaces: []string{releaseNamespace},
				Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
			})
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// install leaves a process that admits, and syncs nothing.
func (s *stage) install(ctx context.Context) error {
	if err := s.env.InstallChart(ctx, s.release); err != nil {
		return err
	}
	admission, err := s.env.StartCountersign(ctx, s.release, harness.ProcessOptions{Args: []string{"--sync=false"}})
	if err != nil {
		return err
	}
	return admission.WaitReady(ctx)
}

func (s *stage) createObjects(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(10)
	for i := range s.objects {
		group.Go(func() error { return s.createObject(ctx, fmt.Sprintf("team-%d", i)) })
	}
	return group.Wait()
}

// createObject asks for five values of one path.
func (s *stage) createObject(ctx context.Context, namespace string) error {
	object := &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "app"},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, VaultRole: role},
	}
	values := map[string]any{}
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		values[key] = namespace + key
		object.Spec.Data = append(object.Spec.Data, kesv1.DataItem{Name: key, Key: mount + "/data/" + namespace + "/app", Property: new(key)})
	}
	if err := s.env.Vault.PutKV(ctx, mount, namespace+"/app", values); err != nil {
		return err
	}
	if err := s.env.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	return s.env.Client.Create(ctx, object)
}
