package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/test/harness"
)

// The names of the seed text.
const (
	namespace        = "cool"
	releaseNamespace = "countersign-system"
	mount            = "kubernetes"
	role             = "kubernetes-external-secrets"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// stage is a cluster with a Vault, and Countersign installed from its chart.
type stage struct {
	env     *harness.Env
	process *harness.Process
	out     io.Writer
	// folder is where commands are typed: it holds the manifests.
	folder string
}

// setStage starts everything. It takes some ten seconds.
func setStage(ctx context.Context, out io.Writer) (*stage, error) {
	_, _ = fmt.Fprintln(out, "Starting etcd, kube-apiserver, Vault and Countersign on loopback ...")
	started := time.Now()
	env, err := harness.Start(ctx, harness.Options{})
	if err != nil {
		return nil, err
	}
	s := &stage{env: env, out: out}
	if err := s.furnish(ctx); err != nil {
		s.clear()
		return nil, err
	}
	_, _ = fmt.Fprintf(out, "... ready after %s.\n", time.Since(started).Round(time.Second))
	return s, nil
}

func (s *stage) furnish(ctx context.Context) error {
	release := harness.Release{Name: "countersign", Namespace: releaseNamespace, Values: chartValues(s.env.Vault.Addr)}
	steps := []func() error{
		func() error { return s.furnishVault(ctx) },
		func() error { return s.env.InstallChart(ctx, release) },
		func() error {
			return s.env.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		},
		s.writeManifests,
		func() (err error) {
			s.process, err = s.env.StartCountersign(ctx, release, harness.ProcessOptions{})
			return err
		},
		func() error { return s.process.WaitReady(ctx) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// furnishVault is what the seed text does with Terraform: the auth method, the
// role with its audience, and the policy behind it, which would allow much
// more than the tenant may have.
func (s *stage) furnishVault(ctx context.Context) error {
	vault := s.env.Vault
	return errors.Join(
		vault.EnableKubernetesAuth(ctx, mount),
		vault.MountKV(ctx, mount, 2),
		vault.WritePolicy(ctx, "reader", `path "kubernetes/data/*" { capabilities = ["read"] }
path "kubernetes/metadata/*" { capabilities = ["list", "read"] }`),
		vault.WriteRole(ctx, mount, harness.Role{
			Name: role, ServiceAccounts: []string{"countersign"}, Namespaces: []string{releaseNamespace},
			Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
		}),
		vault.PutKV(ctx, mount, "cool/secrets", map[string]any{"test": firstValue}),
		vault.PutKV(ctx, mount, "payments/card-keys", map[string]any{"test": "nobody of cool may see this"}),
	)
}

// chartValues are what a platform team would write for the seed text.
func chartValues(vault string) map[string]any {
	return map[string]any{
		"vault": map[string]any{"address": vault},
		"policy": map[string]any{
			"mounts": map[string]any{mount: map[string]any{"kv": 2}},
			"allow": []any{map[string]any{
				"name":       "own-tree",
				"namespaces": map[string]any{"names": []any{"*"}},
				"paths":      []any{"kubernetes/data/{namespace}/*"},
				"roles":      []any{role},
			}},
		},
	}
}

func (s *stage) writeManifests() error {
	folder, err := os.MkdirTemp("", "countersign-demo-")
	if err != nil {
		return err
	}
	s.folder = folder
	files, err := fs.Sub(manifests, "manifests")
	if err != nil {
		return err
	}
	return os.CopyFS(folder, files)
}

// clear ends everything that setStage has started.
func (s *stage) clear() {
	if err := errors.Join(s.env.Stop(), os.RemoveAll(s.folder)); err != nil {
		_, _ = fmt.Fprintln(s.out, "demo: while clearing up:", err)
	}
}
