package install

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// cluster has the release installed, a Vault with one secret, and a namespace
// that policy allows it.
type cluster struct {
	t       *testing.T
	env     *harness.Env
	release harness.Release
}

const (
	tenant = "team-a"
	spec   = "spec: {backendType: vault, vaultRole: " + role + ", dataFrom: [kubernetes/data/%s/app]}"
)

func newCluster(t *testing.T, extra map[string]any) *cluster {
	t.Helper()
	env := newEnv(t)
	values := map[string]any{
		"vault": map[string]any{"address": env.Vault.Addr},
		"policy": map[string]any{
			"mounts": map[string]any{"kubernetes": map[string]any{"kv": 2}},
			"allow": []any{map[string]any{
				"name": "own-tree", "namespaces": map[string]any{"names": []any{"*"}},
				"paths": []any{"kubernetes/data/{namespace}/*"}, "roles": []any{role},
			}},
		},
	}
	maps.Copy(values, extra)
	c := &cluster{t, env, harness.Release{Name: releaseName, Namespace: releaseNamespace, Values: values}}
	createNamespace(t, env, tenant, nil)
	ctx := t.Context()
	steps := []error{
		env.Vault.EnableKubernetesAuth(ctx, "kubernetes"),
		env.Vault.MountKV(ctx, "kubernetes", 2),
		env.Vault.WritePolicy(ctx, "reader", `path "kubernetes/data/*" { capabilities = ["read"] }`),
		env.Vault.WriteRole(ctx, "kubernetes", harness.Role{
			Name: role, ServiceAccounts: []string{"countersign"}, Namespaces: []string{releaseNamespace},
			Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
		}),
		env.Vault.PutKV(ctx, "kubernetes", tenant+"/app", map[string]any{"a": "1"}),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) install() {
	c.t.Helper()
	if err := c.env.InstallChart(c.t.Context(), c.release); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) start(deployment string, args ...string) *harness.Process {
	c.t.Helper()
	process, err := c.env.StartCountersign(c.t.Context(), c.release, harness.ProcessOptions{Deployment: deployment, Args: args})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := process.WaitReady(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	return process
}

// apply is a user's; the output is what the user is told.
func (c *cluster) apply(namespace, name, spec string) harness.Output {
	c.t.Helper()
	return kubectl(c.t, c.env, fmt.Sprintf("apiVersion: kubernetes-client.io/v1\nkind: ExternalSecret\nmetadata: {name: %s, namespace: %s}\n%s\n",
		name, namespace, spec), "apply", "-f", "-")
}

// admitted applies what policy allows the tenant.
func (c *cluster) admitted(name string) {
	c.t.Helper()
	if output := c.apply(tenant, name, fmt.Sprintf(spec, tenant)); output.ExitCode != 0 {
		c.t.Fatalf("%s is not admitted: %s", name, output.Stderr)
	}
}

func (c *cluster) refused(name, spec, why string) {
	c.t.Helper()
	if output := c.apply(tenant, name, spec); output.ExitCode == 0 || !strings.Contains(output.Stderr, why) {
		c.t.Errorf("%s: want it refused with %q, got %s%s", name, why, output.Stdout, output.Stderr)
	}
}

func (c *cluster) awaitSecret(name string) {
	c.t.Helper()
	harness.Await(c.t, within, func(ctx context.Context) error {
		return c.env.Client.Get(ctx, client.ObjectKey{Namespace: tenant, Name: name}, &corev1.Secret{})
	})
}

func (c *cluster) metrics(of *harness.Process) string {
	c.t.Helper()
	metrics, err := of.Metrics(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return metrics
}
