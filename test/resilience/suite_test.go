package resilience

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	vaultapi "github.com/hashicorp/vault/api"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

const (
	releaseNamespace = "countersign-system"
	// role is everybody's; a test that counts logins has roles of its own,
	// named as its namespaces.
	role = "kubernetes-external-secrets"
	// within bounds each step. The machine may be busy.
	within = time.Minute
	// canary is part of each value, and may stand in Secrets only.
	canary = "canary-58c1d0b7f2"
	// common is a path that all tenants may read.
	common = "kubernetes/data/shared/common"
)

// world is the control plane, Vault and the proxy that all tests share. Each
// test installs the release with its own settings, starts the processes that
// it needs, and has namespaces of its own.
type world struct {
	env   *harness.Env
	proxy *proxy
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
	w := &world{env: env}
	steps := []func() error{
		func() error { return env.Vault.EnableKubernetesAuth(ctx, "kubernetes") },
		func() error { return env.Vault.MountKV(ctx, "kubernetes", 2) },
		func() error { return mountLeased(ctx, env.Vault) },
		func() error {
			return env.Vault.WritePolicy(ctx, "reader", `path "kubernetes/data/*" { capabilities = ["read"] }
path "leased/*" { capabilities = ["read"] }
path "kubernetes/data/+/forbidden" { capabilities = ["deny"] }`)
		},
		func() error { return env.Vault.WriteRole(ctx, "kubernetes", vaultRole(role)) },
		func() (err error) {
			w.proxy, err = startProxy(env.Vault.Addr)
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// mountLeased mounts the KV engine with its option to lend what it is read of,
// for the time that stands in the secret as "ttl".
func mountLeased(ctx context.Context, vault *harness.Vault) error {
	return vault.Client.Sys().MountWithContext(ctx, "leased", &vaultapi.MountInput{
		Type: "kv", Options: map[string]string{"version": "1", "leased_passthrough": "true"},
	})
}

func vaultRole(name string) harness.Role {
	return harness.Role{
		Name: name, ServiceAccounts: []string{"countersign"}, Namespaces: []string{releaseNamespace},
		Policies: []string{"reader"}, Audience: "vault", TTL: time.Hour,
	}
}

// settings are the chart's values of vault, apart from its address.
type settings map[string]any

func (w *world) release(vault settings) harness.Release {
	vault = maps.Clone(vault)
	if vault == nil {
		vault = settings{}
	}
	vault["address"] = w.proxy.address
	return harness.Release{Name: "countersign", Namespace: releaseNamespace, Values: map[string]any{
		"logLevel": "trace",
		"vault":    map[string]any(vault),
		"policy": map[string]any{
			"mounts": map[string]any{"kubernetes": map[string]any{"kv": 2}, "leased": map[string]any{"kv": 1}},
			"allow": []any{map[string]any{
				"name":       "own-tree",
				"namespaces": map[string]any{"names": []any{"team-*"}},
				"paths":      []any{"kubernetes/data/{namespace}/*", "kubernetes/data/shared/*", "leased/{namespace}/*"},
				"roles":      []any{role, "{namespace}"},
			}},
		},
	}}
}

// install has the release take settings; what is started next has them.
func install(t *testing.T, vault settings) harness.Release {
	t.Helper()
	release := shared.release(vault)
	if err := shared.env.InstallChart(t.Context(), release); err != nil {
		t.Fatal(err)
	}
	return release
}

// launch starts a process that ends with the test.
func launch(t *testing.T, release harness.Release, args ...string) *harness.Process {
	t.Helper()
	process, err := shared.env.StartCountersign(t.Context(), release, harness.ProcessOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	return process
}

// run starts one that leads, with settings, and waits until it is ready.
func run(t *testing.T, vault settings, args ...string) *harness.Process {
	t.Helper()
	return ready(t, launch(t, install(t, vault), append(args, "--leader-elect=false")...))
}

func ready(t *testing.T, process *harness.Process) *harness.Process {
	t.Helper()
	if err := process.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return process
}

// tenant is a namespace of one test.
type tenant struct {
	t  *testing.T
	ns string
}

// newTenant makes a namespace that the policy allows its own tree.
func newTenant(t *testing.T) *tenant {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "team-"}}
	if err := shared.env.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	n := &tenant{t: t, ns: namespace.Name}
	t.Cleanup(n.leave)
	return n
}

// leave deletes the objects: one that waits would go on to, in other tests.
func (n *tenant) leave() {
	ctx := context.WithoutCancel(n.t.Context())
	if err := shared.env.Client.DeleteAllOf(ctx, &kesv1.ExternalSecret{}, client.InNamespace(n.ns)); err != nil {
		n.t.Error(err)
	}
}

func newTenants(t *testing.T, number int) []*tenant {
	t.Helper()
	var tenants []*tenant
	for range number {
		tenants = append(tenants, newTenant(t))
	}
	return tenants
}

// withRole gives the tenant a Vault role of its own.
func (n *tenant) withRole(change func(*harness.Role)) *tenant {
	n.t.Helper()
	own := vaultRole(n.ns)
	if change != nil {
		change(&own)
	}
	if err := shared.env.Vault.WriteRole(n.t.Context(), "kubernetes", own); err != nil {
		n.t.Fatal(err)
	}
	return n
}

// getsBatchTokens by the role that it has: they can be neither renewed nor
// revoked.
func (n *tenant) getsBatchTokens() {
	n.t.Helper()
	_, err := shared.env.Vault.Client.Logical().WriteWithContext(n.t.Context(), "auth/kubernetes/role/"+n.ns, map[string]any{"token_type": "batch"})
	if err != nil {
		n.t.Fatal(err)
	}
}

// path below the tenant's own tree.
func (n *tenant) path(name string) string { return "kubernetes/data/" + n.ns + "/" + name }

// put writes a value below the tenant's own tree.
func (n *tenant) put(name, value string) {
	n.t.Helper()
	putValue(n.t, n.ns+"/"+name, value)
}

func putValue(t *testing.T, path, value string) {
	t.Helper()
	if err := shared.env.Vault.PutKV(t.Context(), "kubernetes", path, map[string]any{"a": value, "canary": canary}); err != nil {
		t.Fatal(err)
	}
}

// wants is an object that asks for one path.
func (n *tenant) wants(name, as, path string) *kesv1.ExternalSecret {
	return &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: name},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, VaultRole: as, DataFrom: []string{path}},
	}
}

func (n *tenant) create(objects ...*kesv1.ExternalSecret) {
	n.t.Helper()
	for _, object := range objects {
		if err := shared.env.Client.Create(n.t.Context(), object); err != nil {
			n.t.Fatal(err)
		}
	}
}

// apply makes an object of a name that asks for the path of that name.
func (n *tenant) apply(name string) {
	n.t.Helper()
	n.create(n.wants(name, role, n.path(name)))
}

// resync asks for another read.
func (n *tenant) resync(name string) {
	n.t.Helper()
	object := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: n.ns, Name: name}}
	if err := requestResync(n.t.Context(), object); err != nil {
		n.t.Fatal(err)
	}
}

func requestResync(ctx context.Context, object *kesv1.ExternalSecret) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, api.Resync, strconv.FormatInt(time.Now().UnixNano(), 10))
	return shared.env.Client.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))
}

func (n *tenant) get(name string) *kesv1.ExternalSecret {
	n.t.Helper()
	object := &kesv1.ExternalSecret{}
	if err := shared.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, object); err != nil {
		n.t.Fatal(err)
	}
	return object
}

// await polls until the object is as the check wants it.
func (n *tenant) await(name string, check func(*kesv1.ExternalSecret) error) *kesv1.ExternalSecret {
	n.t.Helper()
	object := &kesv1.ExternalSecret{}
	harness.Await(n.t, within, func(ctx context.Context) error {
		if err := shared.env.Client.Get(ctx, client.ObjectKey{Namespace: n.ns, Name: name}, object); err != nil {
			return err
		}
		return check(object)
	})
	return object
}

// awaitSynced waits until the object as it stands is synced.
func (n *tenant) awaitSynced(name string) *kesv1.ExternalSecret {
	n.t.Helper()
	return n.await(name, synced)
}

func synced(object *kesv1.ExternalSecret) error {
	if got, want := object.SyncStatus().Synced(), api.VersionOf(object); got != want {
		return fmt.Errorf("%s/%s: synced %+v, want %+v; status %s", object.Namespace, object.Name, got, want, object.Status.Status)
	}
	return reasonIs("Synced")(object)
}

// reasonIs checks the Ready condition.
func reasonIs(reason string) func(*kesv1.ExternalSecret) error {
	return func(object *kesv1.ExternalSecret) error {
		ready := apimeta.FindStatusCondition(object.Status.Conditions, api.ConditionReady)
		switch {
		case ready == nil:
			return errors.New("no Ready condition yet")
		case ready.Reason != reason:
			return fmt.Errorf("%s/%s: Ready is %s (%s), want %s", object.Namespace, object.Name, ready.Reason, ready.Message, reason)
		}
		return nil
	}
}

func messageOf(object *kesv1.ExternalSecret) string {
	ready := apimeta.FindStatusCondition(object.Status.Conditions, api.ConditionReady)
	if ready == nil {
		return ""
	}
	return ready.Message
}

func (n *tenant) secret(name string) *corev1.Secret {
	n.t.Helper()
	secret := &corev1.Secret{}
	if err := shared.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, secret); err != nil {
		n.t.Fatal(err)
	}
	return secret
}

func (n *tenant) hasNoSecret(name string) {
	n.t.Helper()
	err := shared.env.Client.Get(n.t.Context(), client.ObjectKey{Namespace: n.ns, Name: name}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		n.t.Errorf("Secret %s: %v, want none", name, err)
	}
}

// value is what the Secret holds.
func (n *tenant) value(name string) string {
	n.t.Helper()
	return string(n.secret(name).Data["a"])
}

func mark(t *testing.T) harness.Mark {
	t.Helper()
	mark, err := shared.env.Vault.AuditMark()
	if err != nil {
		t.Fatal(err)
	}
	return mark
}

// requests are those of Countersign that reached Vault since a mark.
func requests(t *testing.T, since harness.Mark) []harness.AuditEntry {
	t.Helper()
	entries, err := shared.env.Vault.Since(since)
	if err != nil {
		t.Fatal(err)
	}
	return harness.Requests(entries)
}

// requests are those for the tenant's objects.
func (n *tenant) requests(since harness.Mark) []harness.AuditEntry {
	n.t.Helper()
	return slices.DeleteFunc(requests(n.t, since), func(entry harness.AuditEntry) bool {
		return !strings.HasPrefix(entry.Object, n.ns+"/")
	})
}

// wantRequests compares by kind.
func (n *tenant) wantRequests(since harness.Mark, want harness.Counts) {
	n.t.Helper()
	seen := n.requests(since)
	if got := harness.CountRequests(seen); got != want {
		n.t.Errorf("Vault saw %+v, want %+v: %s", got, want, listed(seen))
	}
}

func listed(entries []harness.AuditEntry) string {
	var lines []string
	for _, entry := range entries {
		lines = append(lines, fmt.Sprintf("%s %s %s (%s)", entry.Time.Format("05.000"), entry.Operation, entry.Path, entry.Object))
	}
	return strings.Join(lines, "\n")
}

// metric sums what a scrape tells under a name with those labels.
func metric(ctx context.Context, process *harness.Process, name string, labels ...string) (float64, error) {
	text, err := process.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	var sum float64
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if series != name && !strings.HasPrefix(series, name+"{") || !containsAll(series, labels) {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		sum += number
	}
	return sum, nil
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

func mustMetric(t *testing.T, process *harness.Process, name string, labels ...string) float64 {
	t.Helper()
	value, err := metric(t.Context(), process, name, labels...)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// awaitMetric waits until a metric has at least a value.
func awaitMetric(t *testing.T, process *harness.Process, least float64, name string, labels ...string) {
	t.Helper()
	harness.Await(t, within, func(ctx context.Context) error {
		got, err := metric(ctx, process, name, labels...)
		if err == nil && got < least {
			err = fmt.Errorf("%s%v is %v, want %v", name, labels, got, least)
		}
		return err
	})
}

// inParallel does a number of things, some at a time.
func inParallel(t *testing.T, atATime, number int, do func(ctx context.Context, i int) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(atATime)
	for i := range number {
		group.Go(func() error { return do(ctx, i) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}
