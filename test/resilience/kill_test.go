package resilience

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// reserveLease takes the leader's lease for nobody, until it is released:
// processes that are started meanwhile serve admission and do not sync.
func reserveLease(t *testing.T) (release func()) {
	t.Helper()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: "countersign"},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: new("nobody"), LeaseDurationSeconds: new(int32(3600)),
			AcquireTime: new(metav1.NowMicro()), RenewTime: new(metav1.NowMicro()),
		},
	}
	ctx := context.WithoutCancel(t.Context())
	_ = shared.env.Client.Delete(ctx, lease.DeepCopy())
	if err := shared.env.Client.Create(ctx, lease); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = shared.env.Client.Delete(ctx, lease) })
	t.Cleanup(release)
	return release
}

// numbers are keys that all hold one number, which rises: whoever sees two that
// differ sees half a write.
func numbers(number int) map[string]any {
	text := strconv.Itoa(number)
	return map[string]any{"a": text, "b": text, "c": text}
}

func numberOf(secret *corev1.Secret) (int, error) {
	if len(secret.Data) != 3 {
		return 0, fmt.Errorf("%d keys, want 3", len(secret.Data))
	}
	for _, key := range []string{"b", "c"} {
		if string(secret.Data[key]) != string(secret.Data["a"]) {
			return 0, fmt.Errorf("key a holds %q, and %s holds %q", secret.Data["a"], key, secret.Data[key])
		}
	}
	return strconv.Atoi(string(secret.Data["a"]))
}

// changing is an object whose value in Vault changes again and again.
type changing struct {
	*tenant

	name, as string
	// stamped is the number that Vault held when the last stamp was made.
	stamped int
}

func (c *changing) key() string { return c.ns + "/" + c.name }

// change writes the next number and has it read; it creates the object the
// first time. It tries again while there is no admission.
func (c *changing) change(ctx context.Context) error {
	next := c.stamped + 1
	if err := c.put(ctx, next); err != nil {
		return err
	}
	ask := func(ctx context.Context) error {
		if c.stamped == 0 {
			return shared.env.Client.Create(ctx, c.wants(c.name, c.as, c.path(c.name)))
		}
		return requestResync(ctx, &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: c.name}})
	}
	if err := harness.Eventually(ctx, 20*time.Millisecond, within, ask); err != nil {
		return err
	}
	c.stamped = next
	return nil
}

func (c *changing) put(ctx context.Context, number int) error {
	return shared.env.Vault.PutKV(ctx, "kubernetes", c.key(), numbers(number))
}

// record is what was seen of all objects and Secrets, version by version.
type record struct {
	mutex sync.Mutex
	// numbers are what each Secret held last, and versions how often it was seen.
	numbers map[string]int
	// syncs are how often the status said something else was synced.
	syncs    map[string]int
	last     map[string]api.Version
	versions int
	errs     []error
}

// watchEverything follows Secrets and objects of the tenants until the test ends.
func watchEverything(t *testing.T, tenants []*tenant) *record {
	t.Helper()
	r := &record{numbers: map[string]int{}, syncs: map[string]int{}, last: map[string]api.Version{}}
	for _, n := range tenants {
		for _, list := range []client.ObjectList{&corev1.SecretList{}, &kesv1.ExternalSecretList{}} {
			watching, err := shared.env.Client.Watch(t.Context(), list, client.InNamespace(n.ns))
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				for event := range watching.ResultChan() {
					r.see(event)
				}
				if t.Context().Err() == nil {
					r.see(watch.Event{Type: watch.Error})
				}
			}()
		}
	}
	return r
}

func (r *record) see(event watch.Event) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if event.Type != watch.Added && event.Type != watch.Modified {
		r.errs = append(r.errs, fmt.Errorf("%s: %v", event.Type, event.Object))
		return
	}
	switch object := event.Object.(type) {
	case *corev1.Secret:
		key := object.Namespace + "/" + object.Name
		number, err := numberOf(object)
		if err == nil && number < r.numbers[key] {
			err = fmt.Errorf("%d after %d", number, r.numbers[key])
		}
		if err != nil {
			r.errs = append(r.errs, fmt.Errorf("Secret %s: %w", key, err))
		}
		r.numbers[key] = number
		r.versions++
	case *kesv1.ExternalSecret:
		key := object.Namespace + "/" + object.Name
		if synced := object.SyncStatus().Synced(); synced != r.last[key] {
			r.last[key] = synced
			r.syncs[key]++
		}
	}
}

func (r *record) syncsOf(key string) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.syncs[key]
}

// readsByObject counts arrivals by the object that their path is of.
func readsByObject(arrivals []arrival) (reads map[string]int, logins int) {
	reads = map[string]int{}
	for _, one := range arrivals {
		if key, ok := strings.CutPrefix(one.path, "kubernetes/data/"); ok {
			reads[key]++
		}
		if strings.HasSuffix(one.path, "/login") {
			logins++
		}
	}
	return reads, logins
}

// Kill test of issue 5: whenever the controller dies, no Secret is ever empty,
// partial or older than before, each ends with what Vault held when its last
// stamp was made, and Vault is asked no more than once for each sync, and once
// more for what was under way at a kill.
func TestKilledAtRandomPoints(t *testing.T) {
	const seed = 5
	kills := 100
	if testing.Short() {
		kills = 20
	}
	release := install(t, nil)
	reserveLease(t)
	ready(t, launch(t, release, "--log-level=info"))

	tenants := newTenants(t, 4)
	tenants[0].withRole(nil)
	var objects []*changing
	for _, n := range tenants {
		as := role
		if n == tenants[0] {
			as = n.ns
		}
		for i := range 5 {
			objects = append(objects, &changing{tenant: n, name: fmt.Sprintf("app-%d", i), as: as})
		}
	}
	const roles = 2
	seen := watchEverything(t, tenants)
	from := shared.proxy.count()

	// Half of the objects change at any time.
	ctx, rest := context.WithCancel(t.Context())
	changed := make(chan error, len(tenants))
	for i := range tenants {
		mine := objects[i*5 : (i+1)*5]
		go func() { changed <- keepChanging(ctx, mine) }()
	}
	underWay := map[string]int{}
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // The same points each time.
	started := time.Now()
	for range kills {
		process := launch(t, release, "--leader-elect=false", "--log-level=info")
		select {
		case <-time.After(time.Duration(random.IntN(int(2 * time.Second)))):
		case <-process.Done():
			logs, _ := process.Logs()
			t.Fatalf("the controller ended by itself: %s", logs)
		}
		process.Kill()
		reads, _ := readsByObject(shared.proxy.since(from))
		for _, object := range objects {
			if key := object.key(); reads[key] > seen.syncsOf(key)+underWay[key] {
				underWay[key]++
			}
		}
	}
	t.Logf("%d kills took %v", kills, time.Since(started).Round(time.Second))
	rest()
	for range tenants {
		if err := <-changed; err != nil {
			t.Fatal(err)
		}
	}

	launch(t, release, "--leader-elect=false", "--log-level=info")
	for _, object := range objects {
		object.awaitSynced(object.name)
		number, err := numberOf(object.secret(object.name))
		if err != nil || number < object.stamped {
			t.Errorf("%s holds %d (%v), Vault held %d when its last stamp was made", object.key(), number, err, object.stamped)
		}
	}
	seen.conclude(t)
	reads, logins := readsByObject(shared.proxy.since(from))
	var stamps, all, synced, again int
	for _, object := range objects {
		key := object.key()
		stamps, all, synced, again = stamps+object.stamped, all+reads[key], synced+seen.syncsOf(key), again+underWay[key]
		if reads[key] > seen.syncsOf(key)+underWay[key] {
			t.Errorf("%s: %d reads for %d syncs and %d kills with a read under way", key, reads[key], seen.syncsOf(key), underWay[key])
		}
	}
	t.Logf("%d stamps, %d versions of Secrets, %d reads for %d syncs and %d reads under way at a kill, %d logins", stamps, seen.versions, all, synced, again, logins)
	if most := roles * (kills + 1); logins > most {
		t.Errorf("%d logins, want at most %d", logins, most)
	}
}

func keepChanging(ctx context.Context, objects []*changing) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		// One that has begun is ended: what is recorded is what was asked.
		if err := objects[i%len(objects)].change(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
}

// conclude: nothing was wrong with any version of any Secret.
func (r *record) conclude(t *testing.T) {
	t.Helper()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if err := errors.Join(r.errs...); err != nil {
		t.Error(err)
	}
	if r.versions == 0 {
		t.Error("no Secret was seen")
	}
}
