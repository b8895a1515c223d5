// Package synceso shows ESO's objects synced by Countersign, where the store's
// class says so, on real parts. Vault's audit log is the witness of what reached
// Vault. What Secrets they become is the matter of package esocorpus.
package synceso

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/test/esocrds"
	"github.com/countersign/countersign/test/harness"
)

const (
	releaseNamespace = "countersign-system"
	role             = "shared"
	within           = time.Minute
	class            = "countersign"
)

// world is one control plane, Vault and Countersign, for all tests.
type world struct {
	env     *harness.Env
	release harness.Release

	mu      sync.Mutex
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
	w := &world{env: env, release: harness.Release{Name: class, Namespace: releaseNamespace, Values: chartValues(env.Vault.Addr)}}
	steps := []func() error{
		func() error { return env.Vault.EnableKubernetesAuth(ctx, "kubernetes") },
		func() error { return env.Vault.MountKV(ctx, "secret", 2) },
		func() error {
			return env.Vault.WritePolicy(ctx, "reader", `path "secret/*" { capabilities = ["read", "list"] }`)
		},
		func() error {
			return env.Vault.WriteRole(ctx, "kubernetes", harness.Role{
				Name: role, ServiceAccounts: []string{class}, Namespaces: []string{releaseNamespace},
				Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
			})
		},
		func() error { return esocrds.Install(ctx, env, "*external-secrets.io_*.yaml") },
		func() error { return env.InstallChart(ctx, w.release) },
		func() error { return w.start(ctx) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func chartValues(vault string) map[string]any {
	return map[string]any{
		"vault":    map[string]any{"address": vault},
		"dialects": []any{"eso"},
		"logLevel": "debug",
		// Stores log in as it.
		"tenantServiceAccounts": []any{"reader"},
		"policy": map[string]any{
			"mounts": map[string]any{"secret": map[string]any{"kv": 2}},
			"allow": []any{
				map[string]any{
					"name": "own-tree", "namespaces": map[string]any{"names": []any{"team-*"}},
					"paths": []any{"secret/data/{namespace}/*", "secret/metadata/{namespace}/*"}, "roles": []any{role},
				},
				map[string]any{
					"name": "own-approle", "namespaces": map[string]any{"names": []any{"team-*"}},
					"paths": []any{"secret/data/{namespace}/*"}, "roles": []any{"approle:approle"},
					"authMethods": []any{"approle"}, "authMounts": []any{"approle"},
				},
				map[string]any{
					"name": "own-reader", "namespaces": map[string]any{"names": []any{"team-*"}},
					"paths": []any{"secret/data/{namespace}/*"}, "roles": []any{"reader"},
					"identity": map[string]any{"serviceAccount": "reader"},
				},
				map[string]any{
					"name": "own-jwt", "namespaces": map[string]any{"names": []any{"team-*"}},
					"paths": []any{"secret/data/{namespace}/*"}, "roles": []any{role},
					"authMethods": []any{"jwt"}, "authMounts": []any{"jwt"},
				},
				map[string]any{
					"name": "own-token", "namespaces": map[string]any{"names": []any{"team-*"}},
					"paths": []any{"secret/data/{namespace}/*"}, "roles": []any{"token:token"},
					"authMethods": []any{"token"}, "authMounts": []any{"token"},
				},
			},
		},
	}
}

func (w *world) start(ctx context.Context) error {
	process, err := w.env.StartCountersign(ctx, w.release, harness.ProcessOptions{})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.process = process
	return process.WaitReady(ctx)
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
	t.Cleanup(func() {
		// What has failed would be tried again while other tests count requests.
		if err := shared.env.Client.DeleteAllOf(context.WithoutCancel(t.Context()), &esov1.ExternalSecret{}, client.InNamespace(namespace.Name)); err != nil {
			t.Error(err)
		}
	})
	return &tenant{world: shared, t: t, ns: namespace.Name}
}

func (n *tenant) put(path string, data map[string]any) {
	n.t.Helper()
	if err := n.env.Vault.PutKV(n.t.Context(), "secret", path, data); err != nil {
		n.t.Fatal(err)
	}
}

func (n *tenant) mark() harness.Mark {
	n.t.Helper()
	mark, err := n.env.Vault.AuditMark()
	if err != nil {
		n.t.Fatal(err)
	}
	return mark
}

func (n *tenant) requestsSince(mark harness.Mark) []harness.AuditEntry {
	n.t.Helper()
	entries, err := n.env.Vault.Since(mark)
	if err != nil {
		n.t.Fatal(err)
	}
	return harness.Requests(entries)
}

// do fails the test where kubectl does.
func (n *tenant) do(stdin string, args ...string) string {
	n.t.Helper()
	output, err := n.env.Kubectl(n.t.Context(), n.text(stdin), args...)
	if err != nil || output.ExitCode != 0 {
		n.t.Fatalf("kubectl %s: %v %s", strings.Join(args, " "), err, output.Stderr)
	}
	return output.Stdout
}

// create an object of a manifest; the typed one would leave fields out.
func (w *world) create(ctx context.Context, manifest string) error {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), object); err != nil {
		return err
	}
	return w.env.Client.Create(ctx, object)
}

// text replaces NS by the tenant's namespace.
func (n *tenant) text(manifest string) string { return strings.ReplaceAll(manifest, "NS", n.ns) }

func (n *tenant) apply(manifests ...string) {
	n.t.Helper()
	n.do(strings.Join(manifests, "\n---\n"), "apply", "-f", "-")
}

func (n *tenant) annotate(name, annotation string) {
	n.t.Helper()
	n.do("", "annotate", "--overwrite", "externalsecrets.external-secrets.io", name, "-n", n.ns, annotation)
}

func (n *tenant) get(ctx context.Context, name string, object client.Object) error {
	return n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: name}, object)
}

// external is how the object stands.
func (n *tenant) external(name string) *esov1.ExternalSecret {
	n.t.Helper()
	object := &esov1.ExternalSecret{}
	if err := n.get(n.t.Context(), name, object); err != nil {
		n.t.Fatal(err)
	}
	return object
}

// awaitValue waits until a key of a Secret holds it, and the status says so.
func (n *tenant) awaitValue(name, key, want string) *corev1.Secret {
	n.t.Helper()
	secret := &corev1.Secret{}
	harness.Await(n.t, within, func(ctx context.Context) error {
		secret = &corev1.Secret{}
		if err := n.get(ctx, name, secret); err != nil {
			object := &esov1.ExternalSecret{}
			return errors.Join(err, n.get(ctx, name, object), fmt.Errorf("conditions %+v", object.Status.Conditions))
		}
		if got := string(secret.Data[key]); got != want {
			return fmt.Errorf("it holds %q, want %q", got, want)
		}
		return nil
	})
	return secret
}

// awaitReady waits for the Ready condition, by its reason and a part of what it
// says.
func (n *tenant) awaitReady(name, reason, says string) {
	n.t.Helper()
	harness.Await(n.t, within, func(ctx context.Context) error {
		object := &esov1.ExternalSecret{}
		if err := n.get(ctx, name, object); err != nil {
			return err
		}
		for _, one := range object.Status.Conditions {
			if one.Type == "Ready" && one.Reason == reason && strings.Contains(one.Message, says) {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", object.Status.Conditions)
	})
}

// storeOf is a SecretStore with a way to log in.
func storeOf(name, server, auth string) string {
	return fmt.Sprintf(`apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: %s, namespace: NS}
spec:
  controller: countersign
  provider: {vault: {server: %q, path: secret, auth: {%s}}}`, name, server, auth)
}

func (n *tenant) store(name string) string {
	return storeOf(name, n.env.Vault.Addr, "kubernetes: {mountPath: kubernetes, role: "+role+"}")
}

// external is one that takes all fields of a path, with more of its spec.
func external(name, store, key, more string) string {
	return fmt.Sprintf(`apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: %s, namespace: NS}
spec:
  secretStoreRef: {name: %s}
  dataFrom: [{extract: {key: %q}}]
  %s`, name, store, key, more)
}
