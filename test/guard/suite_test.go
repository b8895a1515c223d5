package guard

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/test/harness"
)

const (
	releaseNamespace = "countersign-system"
	within           = time.Minute
	// vaultAddress is never dialled: Countersign syncs none of these objects.
	vaultAddress = "https://vault.example:8200"
	policyHead   = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"
)

// world is one control plane with Countersign, for all tests.
type world struct {
	env     *harness.Env
	release harness.Release
	process *harness.Process
}

var shared *world

func TestMain(m *testing.M) {
	options := harness.Options{Scheme: []func(*runtime.Scheme) error{esov1.AddToScheme}}
	os.Exit(harness.Main(m, options, func(ctx context.Context, env *harness.Env) (err error) {
		shared, err = newWorld(ctx, env)
		return err
	}))
}

func newWorld(ctx context.Context, env *harness.Env) (*world, error) {
	w := &world{env: env, release: harness.Release{Name: "countersign", Namespace: releaseNamespace, Values: map[string]any{
		"vault":    map[string]any{"address": vaultAddress},
		"vaults":   map[string]any{"real": map[string]any{"address": env.Vault.Addr}},
		"dialects": []any{"eso"},
		"logLevel": "debug",
		"policy": map[string]any{
			"mounts": map[string]any{"secret": map[string]any{"kv": 2}, "database": map[string]any{}},
			"allow": []any{
				map[string]any{
					"name": "own-tree", "namespaces": map[string]any{"names": []any{"team-*"}},
					"paths": []any{"secret/data/{namespace}/*"}, "roles": []any{"reader"},
				},
				map[string]any{
					"name": "own-database", "namespaces": map[string]any{"names": []any{"team-*"}},
					"paths": []any{"database/creds/{namespace}"}, "roles": []any{"reader"},
				},
				map[string]any{
					"name": "own-pushes", "namespaces": map[string]any{"names": []any{"team-*"}},
					"paths": []any{"secret/data/{namespace}/pushed/*", "secret/metadata/{namespace}/pushed/*"}, "roles": []any{"writer"},
					"operations": []any{"read", "write"},
				},
			},
		},
	}}}
	if err := w.installCRDs(ctx); err != nil {
		return nil, err
	}
	if err := env.InstallChart(ctx, w.release); err != nil {
		return nil, err
	}
	var err error
	if w.process, err = env.StartCountersign(ctx, w.release, harness.ProcessOptions{}); err != nil {
		return nil, err
	}
	return w, w.process.WaitReady(ctx)
}

// tenant is a namespace of one test.
type tenant struct {
	*world

	t  *testing.T
	ns string
}

func newTenant(t *testing.T) *tenant {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "team-"}}
	if err := shared.env.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return &tenant{world: shared, t: t, ns: namespace.Name}
}

func (n *tenant) kubectl(stdin string, args ...string) harness.Output {
	n.t.Helper()
	output, err := n.env.Kubectl(n.t.Context(), stdin, args...)
	if err != nil {
		n.t.Fatal(err)
	}
	return output
}

// do fails the test where kubectl does.
func (n *tenant) do(stdin string, args ...string) {
	n.t.Helper()
	if output := n.kubectl(stdin, args...); output.ExitCode != 0 {
		n.t.Fatalf("kubectl %s: %s", strings.Join(args, " "), output.Stderr)
	}
}

// manifest replaces NS by the tenant's namespace.
func (n *tenant) manifest(text string) string { return strings.ReplaceAll(text, "NS", n.ns) }

func (n *tenant) apply(manifests ...string) {
	n.t.Helper()
	n.do(n.manifest(strings.Join(manifests, "\n---\n")), "apply", "-f", "-")
}

// refused applies what must not pass and returns what the user is told.
func (n *tenant) refused(manifest string) string {
	n.t.Helper()
	output := n.kubectl(n.manifest(manifest), "apply", "-f", "-")
	if output.ExitCode == 0 {
		n.t.Fatalf("admitted: %s", manifest)
	}
	return strings.ReplaceAll(output.Stderr, n.ns, "NS")
}

// store is a SecretStore of KV version 2 at secret/.
func store(name, role string) string {
	return fmt.Sprintf(`apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: %s, namespace: NS}
spec:
  provider:
    vault:
      server: %s
      path: secret
      auth: {kubernetes: {mountPath: kubernetes, role: %s}}`, name, vaultAddress, role)
}

// external is an ExternalSecret of keys of the store "vault".
func external(name string, keys ...string) string {
	var data strings.Builder
	for i, key := range keys {
		fmt.Fprintf(&data, "\n  - {secretKey: k%d, remoteRef: {key: %q}}", i, key)
	}
	return fmt.Sprintf(`apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %s, namespace: NS}
spec:
  secretStoreRef: {name: vault}
  refreshPolicy: OnChange
  data:%s`, name, data.String())
}
