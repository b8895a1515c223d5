package resilience

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// freshWithin is how long a fresh apply may take, whatever else there is to do.
const freshWithin = 2 * time.Second

// took is the time from a change to its Secret.
func took(t *testing.T, object *kesv1.ExternalSecret) time.Duration {
	t.Helper()
	stamped, err := time.Parse(time.RFC3339Nano, object.Annotations[api.StampedAt])
	if err != nil {
		t.Fatal(err)
	}
	synced, err := time.Parse(time.RFC3339Nano, object.Status.LastSync)
	if err != nil {
		t.Fatal(err)
	}
	return synced.Sub(stamped)
}

// appliesInTime makes fresh objects, one after the other, each of which has to
// be synced in time.
func (n *tenant) appliesInTime(number int) {
	n.t.Helper()
	var each []time.Duration
	for i := range number {
		name := fmt.Sprintf("fresh-%d", i)
		n.put(name, "1")
		n.apply(name)
		each = append(each, took(n.t, n.awaitSynced(name)).Round(time.Millisecond))
	}
	n.t.Logf("fresh applies took %v", each)
	if slowest := slices.Max(each); slowest > freshWithin {
		n.t.Errorf("a fresh apply took %v, more than %v", slowest, freshWithin)
	}
}

// Issue 5, point 5: however much is wanted at once, Vault sees no more than the
// budget.
func TestBudget(t *testing.T) {
	const perSecond, objects = 20.0, 60
	run(t, settings{"requestsPerSecond": perSecond, "burst": 1})
	tenants := newTenants(t, 6)
	from := shared.proxy.count()
	inParallel(t, 10, objects, func(ctx context.Context, i int) error {
		n := tenants[i%len(tenants)]
		return shared.env.Client.Create(ctx, n.wants(fmt.Sprintf("app-%d", i), role, n.path(fmt.Sprintf("app-%d", i))))
	})
	for i := range objects {
		tenants[i%len(tenants)].await(fmt.Sprintf("app-%d", i), reasonIs("VaultNotFound"))
	}
	seen := shared.proxy.since(from)
	t.Logf("%d requests, %d in the fullest second", len(seen), peak(seen))
	if err := withinBudget(seen, perSecond, 1, slack); err != nil {
		t.Error(err)
	}
	if len(seen) != objects+1 {
		t.Errorf("%d requests, want a login and %d reads", len(seen), objects)
	}
}

// backlogOf is a number of objects that wait, in many namespaces.
type backlogOf struct {
	tenants []*tenant
	objects int
}

// pileUp makes objects that wait for a Vault that is away, each for a path of
// its own at which nothing is.
func pileUp(t *testing.T, namespaces, objects int) *backlogOf {
	t.Helper()
	b := &backlogOf{tenants: newTenants(t, namespaces), objects: objects}
	inParallel(t, 20, objects, func(ctx context.Context, i int) error {
		n := b.tenants[i%namespaces]
		name := fmt.Sprintf("backlog-%d", i)
		return shared.env.Client.Create(ctx, n.wants(name, role, n.path(name)))
	})
	return b
}

// waiting counts those that are not done with.
func (b *backlogOf) waiting(ctx context.Context) (int, error) {
	waiting := 0
	for _, n := range b.tenants {
		list := &kesv1.ExternalSecretList{}
		if err := shared.env.Client.List(ctx, list, client.InNamespace(n.ns)); err != nil {
			return 0, err
		}
		for i := range list.Items {
			if reasonIs("VaultNotFound")(&list.Items[i]) != nil {
				waiting++
			}
		}
	}
	return waiting, nil
}

// Issue 5, point 5: a fresh apply behind a backlog of 10,000 is synced in less
// than two seconds, and the backlog drains within the budget.
func TestFreshApplyBehindABacklog(t *testing.T) {
	objects := 10_000
	if testing.Short() {
		objects = 1000
	}
	process := run(t, settings{"timeout": "1s"}, "--log-level=info")
	n := newTenant(t)
	n.put("app", "1")
	n.apply("app")
	n.awaitSynced("app")

	shared.proxy.refuse()
	piling := time.Now()
	b := pileUp(t, 100, objects)
	t.Logf("%d objects were created in %v", objects, time.Since(piling).Round(time.Second))
	harness.Await(t, 5*within, func(ctx context.Context) error {
		fresh, err := metric(ctx, process, "countersign_queue_length", `lane="fresh"`)
		if err == nil && fresh > 0 {
			err = fmt.Errorf("%v fresh objects have not been looked at yet", fresh)
		}
		return err
	})

	from := shared.proxy.count()
	shared.proxy.listen(t)
	harness.Await(t, within, func(ctx context.Context) error {
		backlog, err := metric(ctx, process, "countersign_queue_length", `lane="backlog"`)
		if err == nil && (shared.proxy.count() == from || backlog < float64(objects)/2) {
			err = fmt.Errorf("%v objects stand in the backlog", backlog)
		}
		return err
	})
	n.appliesInTime(5)
	left, err := b.waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d objects of the backlog still wait", left)
	if left < objects/10 {
		t.Errorf("%d objects still wait: the fresh ones did not come before a backlog", left)
	}
	if err := withinBudget(shared.proxy.since(from), 100, 200, slack); err != nil {
		t.Error(err)
	}
}

// Issue 5, point 5: a namespace that does all it can does not delay another's
// fresh apply.
func TestNoisyNamespace(t *testing.T) {
	run(t, nil)
	quiet, noisy := newTenant(t), newTenant(t)
	const objects, loops = 40, 4
	for i := range objects {
		name := fmt.Sprintf("app-%d", i)
		noisy.put(name, "1")
		noisy.apply(name)
	}
	for i := range objects {
		noisy.awaitSynced(fmt.Sprintf("app-%d", i))
	}
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, loops)
	from := shared.proxy.count()
	for first := range loops {
		go func() { done <- noisy.makeNoise(ctx, first*objects/loops, objects/loops) }()
	}
	quiet.appliesInTime(20)
	end()
	for range loops {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	noise := slices.DeleteFunc(shared.proxy.since(from), func(one arrival) bool { return !strings.Contains(one.path, noisy.ns) })
	t.Logf("the noisy namespace made %d requests meanwhile", len(noise))
	if len(noise) < objects {
		t.Errorf("%d requests are no noise", len(noise))
	}
}

// makeNoise annotates, deletes and tampers with some objects, until it is told to
// stop.
func (n *tenant) makeNoise(ctx context.Context, first, objects int) error {
	for i := 0; ; i++ {
		name := fmt.Sprintf("app-%d", first+i%objects)
		meta := metav1.ObjectMeta{Namespace: n.ns, Name: name}
		tampering := client.RawPatch(types.MergePatchType, []byte(`{"stringData":{"a":"evil"}}`))
		steps := []func() error{
			func() error { return requestResync(ctx, &kesv1.ExternalSecret{ObjectMeta: meta}) },
			func() error { return shared.env.Client.Delete(ctx, &corev1.Secret{ObjectMeta: meta}) },
			func() error { return shared.env.Client.Patch(ctx, &corev1.Secret{ObjectMeta: meta}, tampering) },
		}
		for _, step := range steps {
			err := step()
			if ctx.Err() != nil {
				return nil //nolint:nilerr // It was told to stop.
			}
			if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
				return err
			}
		}
	}
}

// One path that fails again and again is its own trouble: nobody else waits.
func TestOneFailingPath(t *testing.T) {
	tests := map[string]struct {
		misbehaves fault
		reason     string
	}{
		"fails":     {fails, vaultUnavailable},
		"hangs":     {hangs, vaultUnavailable},
		"too large": {floods, "VaultUnexpectedAnswer"},
	}
	process := run(t, settings{"timeout": "1s"})
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			bad, good := newTenant(t), newTenant(t)
			broken := readsOf(bad.path("app"))
			shared.proxy.misbehave(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if !broken(r) {
					next.ServeHTTP(w, r)
					return
				}
				tc.misbehaves(w, r, next)
			})
			t.Cleanup(func() { shared.proxy.misbehave(nil) })
			bad.apply("app")
			// A user who tries again and again.
			for range 5 {
				from := shared.proxy.count()
				bad.resync("app")
				harness.Await(t, within, func(context.Context) error {
					if shared.proxy.count() == from {
						return errors.New("not tried again yet")
					}
					return nil
				})
				bad.await("app", reasonIs(tc.reason))
			}
			if open := mustMetric(t, process, "countersign_vault_breaker_open"); open != 0 {
				t.Error("one path opened the breaker")
			}
			good.appliesInTime(3)
		})
	}
}

// Policy that is tightened while objects wait, for Vault or for their turn,
// holds for them: nothing that it forbids is read any more.
func TestTightenedWhileWaiting(t *testing.T) {
	tests := map[string]struct {
		vault settings
		// waits has the objects wait, and go on.
		waits, goesOn func(t *testing.T)
	}{
		"for Vault": {
			waits:  func(*testing.T) { shared.proxy.refuse() },
			goesOn: func(t *testing.T) { t.Helper(); shared.proxy.listen(t) },
		},
		"for the budget": {
			vault: settings{"requestsPerSecond": 1, "burst": 1},
			waits: func(*testing.T) {}, goesOn: func(*testing.T) {},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			process := run(t, tc.vault)
			closed, open := newTenant(t), newTenant(t)
			closed.put("app", "1")
			closed.apply("app")
			closed.awaitSynced("app")
			tc.waits(t)
			names := []string{"app"}
			closed.resync("app")
			for i := range 20 {
				names = append(names, fmt.Sprintf("new-%d", i))
				closed.apply(names[i+1])
			}
			forbid(t, process, closed)
			since := mark(t)
			for _, name := range names {
				closed.await(name, func(object *kesv1.ExternalSecret) error {
					// What was read before is read.
					if reasonIs("VaultNotFound")(object) == nil || synced(object) == nil {
						return nil
					}
					return reasonIs("PolicyDenied")(object)
				})
			}
			tc.goesOn(t)
			open.put("app", "1")
			open.apply("app")
			open.awaitSynced("app")
			if seen := closed.requests(since); len(seen) > 0 {
				t.Errorf("Vault saw what is forbidden: %s", listed(seen))
			}
			if got := closed.value("app"); got != "1" {
				t.Errorf("the Secret holds %q", got)
			}
		})
	}
}

// forbid denies a tenant its own tree, while the test lasts, and returns when
// that is in force.
func forbid(t *testing.T, process *harness.Process, n *tenant) {
	t.Helper()
	before := revision(t, process)
	document := fmt.Sprintf(`apiVersion: countersign.dev/v1alpha1
kind: AccessPolicy
mounts: {kubernetes: {kv: 2}}
deny: [{name: closed, paths: ["kubernetes/data/%s/*"]}]
`, n.ns)
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: "tightened", Labels: map[string]string{"countersign.dev/policy": "true"}},
		Data:       map[string]string{"policy.yaml": document},
	}
	if err := shared.env.Client.Create(t.Context(), configMap); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shared.env.Client.Delete(context.WithoutCancel(t.Context()), configMap); err != nil {
			t.Error(err)
		}
	})
	harness.Await(t, within, func(context.Context) error {
		if revision(t, process) == before {
			return errors.New("the old policy is in force")
		}
		return nil
	})
}

// revision of the policy in force.
func revision(t *testing.T, process *harness.Process) string {
	t.Helper()
	text, err := process.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(text, "countersign_policy_info{revision=\"")
	revision, _, _ := strings.Cut(rest, "\"")
	return revision
}
