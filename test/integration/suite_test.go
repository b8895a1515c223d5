// Package integration shows the product on real parts: a real apiserver, a real
// Vault, the chart's own objects, and the real binary as a process of its own.
// Vault's audit log is the witness of what reached Vault.
package integration

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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

const (
	releaseNamespace = "countersign-system"
	// role is the one of the seed text; a test that counts logins has a role
	// of its own, named as its namespace.
	role = "kubernetes-external-secrets"
	// The namespaces whose default deny is staged.
	warnNamespace, auditNamespace = "team-warn", "team-audit"
	// within is how long the product may take for one step.
	within = 20 * time.Second
)

// world is the one control plane, Vault and Countersign that all tests of the
// package share. Each test has namespaces of its own.
type world struct {
	env     *harness.Env
	release harness.Release

	mu      sync.Mutex
	process *harness.Process
}

var shared *world

func TestMain(m *testing.M) {
	options := harness.Options{Scheme: []func(*runtime.Scheme) error{kesv1.AddToScheme}}
	os.Exit(harness.Main(m, options, func(ctx context.Context, env *harness.Env) (err error) {
		shared, err = newWorld(ctx, env)
		return err
	}))
}

func newWorld(ctx context.Context, env *harness.Env) (*world, error) {
	w := &world{env: env, release: harness.Release{
		Name: "countersign", Namespace: releaseNamespace, Values: chartValues(env.Vault.Addr),
	}}
	steps := []func() error{
		func() error { return env.Vault.EnableKubernetesAuth(ctx, "kubernetes") },
		func() error { return env.Vault.MountKV(ctx, "kubernetes", 2) },
		func() error { return env.Vault.MountKV(ctx, "legacy", 1) },
		func() error {
			return env.Vault.WritePolicy(ctx, "reader", `path "kubernetes/data/*" { capabilities = ["read"] }
path "legacy/*" { capabilities = ["read"] }`)
		},
		func() error { return w.writeRole(ctx, role) },
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
		"logLevel": "trace",
		// The CRDs of ESO are not there; that disturbs nobody.
		"dialects": []any{"kes", "eso"},
		"vault":    map[string]any{"address": vault},
		// Rules of TestIdentity log in as it.
		"tenantServiceAccounts": []any{"vault-reader"},
		"enforcement": map[string]any{
			"default": "Enforce", "namespaces": map[string]any{warnNamespace: "Warn", auditNamespace: "Audit"},
		},
		"policy": map[string]any{
			"mounts": map[string]any{"kubernetes": map[string]any{"kv": 2}, "legacy": map[string]any{"kv": 1}},
			"allow": []any{map[string]any{
				"name":       "own-tree",
				"namespaces": map[string]any{"names": []any{"team-*"}},
				"paths":      []any{"kubernetes/data/{namespace}/*", "legacy/{namespace}/*"},
				"roles":      []any{role, "{namespace}"},
			}},
			"deny": []any{map[string]any{
				"name": "no-break-glass", "paths": []any{"kubernetes/data/+/break-glass/*"}, "reason": "ask platform-security",
			}},
		},
	}
}

func (w *world) writeRole(ctx context.Context, name string) error {
	return w.env.Vault.WriteRole(ctx, "kubernetes", harness.Role{
		Name: name, ServiceAccounts: []string{"countersign"}, Namespaces: []string{releaseNamespace},
		Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
	})
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

// restart ends the process and starts it anew, as a rollout would.
func (w *world) restart(t *testing.T) {
	t.Helper()
	if err := w.process.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if err := w.start(t.Context()); err != nil {
		t.Fatalf("start: %v", err)
	}
}

// tenant is a namespace of one test.
type tenant struct {
	*world
	t  *testing.T
	ns string
}

// newTenant makes a namespace that the policy allows its own tree.
func newTenant(t *testing.T) *tenant {
	t.Helper()
	return tenantOf(t, metav1.ObjectMeta{GenerateName: "team-"})
}

func tenantOf(t *testing.T, meta metav1.ObjectMeta) *tenant {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: meta}
	if err := shared.env.Client.Create(t.Context(), namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	return &tenant{world: shared, t: t, ns: namespace.Name}
}

// put writes a secret below the tenant's own tree.
func (n *tenant) put(mount, path string, data map[string]any) {
	n.t.Helper()
	if err := n.env.Vault.PutKV(n.t.Context(), mount, n.ns+"/"+path, data); err != nil {
		n.t.Fatal(err)
	}
}

// manifest fills a spec in; NS stands for the tenant's namespace in it.
func (n *tenant) manifest(name, spec string) string {
	lines := strings.Split(strings.TrimSpace(spec), "\n")
	return strings.ReplaceAll("apiVersion: kubernetes-client.io/v1\nkind: ExternalSecret\nmetadata: {name: "+name+", namespace: NS}\nspec:\n  "+
		strings.Join(lines, "\n  ")+"\n", "NS", n.ns)
}

func (n *tenant) kubectl(stdin string, args ...string) harness.Output {
	n.t.Helper()
	output, err := n.env.Kubectl(n.t.Context(), stdin, args...)
	if err != nil {
		n.t.Fatal(err)
	}
	return output
}

// do runs kubectl, which must succeed.
func (n *tenant) do(stdin string, args ...string) string {
	n.t.Helper()
	output := n.kubectl(stdin, args...)
	if output.ExitCode != 0 {
		n.t.Fatalf("kubectl %s: %s%s", strings.Join(args, " "), output.Stdout, output.Stderr)
	}
	return output.Stdout + output.Stderr
}

func (n *tenant) apply(name, spec string) {
	n.t.Helper()
	n.do(n.manifest(name, spec), "apply", "-f", "-")
}

// refused applies what must not pass and returns what the user is told.
func (n *tenant) refused(name, spec string) string {
	n.t.Helper()
	output := n.kubectl(n.manifest(name, spec), "apply", "-f", "-")
	if output.ExitCode == 0 {
		n.t.Fatalf("admitted: %s", spec)
	}
	return strings.ReplaceAll(output.Stderr, n.ns, "NS")
}

func (n *tenant) get(name string) *kesv1.ExternalSecret {
	n.t.Helper()
	object := &kesv1.ExternalSecret{}
	if err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, object); err != nil {
		n.t.Fatal(err)
	}
	return object
}

// await polls until the object is as the check wants it.
func (n *tenant) await(name string, check func(*kesv1.ExternalSecret) error) *kesv1.ExternalSecret {
	n.t.Helper()
	object := &kesv1.ExternalSecret{}
	harness.Await(n.t, within, func(ctx context.Context) error {
		if err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: name}, object); err != nil {
			return err
		}
		return check(object)
	})
	return object
}

// awaitSynced waits until the object as it stands is synced.
func (n *tenant) awaitSynced(name string) *kesv1.ExternalSecret {
	n.t.Helper()
	return n.await(name, func(object *kesv1.ExternalSecret) error {
		if synced, want := object.SyncStatus().Synced(), api.VersionOf(object); synced != want {
			return fmt.Errorf("synced %+v, want %+v; status %s", synced, want, object.Status.Status)
		}
		return reasonIs(object, "Synced")
	})
}

// awaitReason waits for the reason of the Ready condition.
func (n *tenant) awaitReason(name, reason string) *kesv1.ExternalSecret {
	n.t.Helper()
	return n.await(name, func(object *kesv1.ExternalSecret) error { return reasonIs(object, reason) })
}

func reasonIs(object *kesv1.ExternalSecret, reason string) error {
	ready := apimeta.FindStatusCondition(object.Status.Conditions, api.ConditionReady)
	switch {
	case ready == nil:
		return errors.New("no Ready condition yet")
	case ready.Reason != reason:
		return fmt.Errorf("Ready is %s (%s), want %s", ready.Reason, ready.Message, reason)
	case ready.ObservedGeneration != object.Generation:
		return errors.New("the condition is of an older generation")
	}
	return nil
}

func (n *tenant) secret(name string) *corev1.Secret {
	n.t.Helper()
	secret := &corev1.Secret{}
	if err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, secret); err != nil {
		n.t.Fatal(err)
	}
	return secret
}

func (n *tenant) hasNoSecret(name string) {
	n.t.Helper()
	err := n.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		n.t.Errorf("Secret %s: %v, want none", name, err)
	}
}

// data is the Secret's data as text.
func (n *tenant) data(name string) map[string]string {
	n.t.Helper()
	data := map[string]string{}
	for key, value := range n.secret(name).Data {
		data[key] = string(value)
	}
	return data
}

func (n *tenant) mark() harness.Mark {
	n.t.Helper()
	mark, err := n.env.Vault.AuditMark()
	if err != nil {
		n.t.Fatal(err)
	}
	return mark
}

// requests are those that reached Vault since a mark for this tenant's objects.
func (n *tenant) requests(since harness.Mark) []harness.AuditEntry {
	n.t.Helper()
	entries, err := n.env.Vault.Since(since)
	if err != nil {
		n.t.Fatal(err)
	}
	var ours []harness.AuditEntry
	for _, entry := range harness.Requests(entries) {
		if strings.HasPrefix(entry.Object, n.ns+"/") || strings.Contains(entry.Path, n.ns) {
			ours = append(ours, entry)
		}
	}
	return ours
}

// wantRequests compares by kind.
func (n *tenant) wantRequests(since harness.Mark, want harness.Counts) {
	n.t.Helper()
	if got := harness.CountRequests(n.requests(since)); got != want {
		n.t.Errorf("Vault saw %+v, want %+v: %v", got, want, n.requests(since))
	}
}
