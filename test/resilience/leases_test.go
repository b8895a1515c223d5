package resilience

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// leaseLife is long enough for a busy machine to read again in its last third.
const leaseLife = 15 * time.Second

// leasedPath is that of the one secret that a tenant is lent.
func (n *tenant) leasedPath() string { return "leased/" + n.ns + "/app" }

// lend puts a secret that is lent for a time, and makes objects that want it.
func (n *tenant) lend(life time.Duration, objects ...string) {
	n.t.Helper()
	err := shared.env.Vault.PutKV(n.t.Context(), "leased", n.ns+"/app", map[string]any{"a": "1", "ttl": life.String()})
	if err != nil {
		n.t.Fatal(err)
	}
	for _, object := range objects {
		wanted := n.wants(object, n.ns, n.leasedPath())
		wanted.Spec.KVVersion = 1
		n.create(wanted)
	}
}

// leases are the ids of those that live in Vault.
func (n *tenant) leases() []string {
	n.t.Helper()
	listed, err := shared.env.Vault.Client.Logical().ListWithContext(n.t.Context(), "sys/leases/lookup/"+n.leasedPath())
	if err != nil {
		n.t.Fatal(err)
	}
	if listed == nil {
		return nil
	}
	var ids []string
	keys, _ := listed.Data["keys"].([]any)
	for _, key := range keys {
		ids = append(ids, fmt.Sprint(key))
	}
	return ids
}

func isLent(object *kesv1.ExternalSecret) error {
	if err := synced(object); err != nil {
		return err
	}
	if object.Status.Lease == nil {
		return errors.New("no lease in the status")
	}
	return nil
}

// Issue 5, point 6: the end of a lease stands in the status, and what is lent is
// read again after two thirds of its life.
func TestLeaseIsFollowed(t *testing.T) {
	run(t, nil)
	n := newTenant(t).withRole(nil)
	since := mark(t)
	n.lend(leaseLife, "app")
	lease := n.await("app", isLent).Status.Lease
	const reads = 3
	awaitReads(t, since, n.leasedPath(), reads)
	seen := n.requests(since)
	if got := harness.CountRequests(seen); got.Login != 1 || got.Total() != reads+1 {
		t.Errorf("Vault saw %+v: %s", got, listed(seen))
	}
	first := seen[1].Time
	// The status has full seconds.
	if ends := lease.Ends.Sub(first); ends < leaseLife-time.Second || ends > leaseLife+time.Second {
		t.Errorf("the lease ends %v after the read, want %v", ends, leaseLife)
	}
	for i := 2; i < len(seen); i++ {
		if apart := seen[i].Time.Sub(seen[i-1].Time); apart < leaseLife*2/3-time.Second || apart >= leaseLife {
			t.Errorf("read again after %v of %v", apart, leaseLife)
		}
	}
}

// The values end with the token that they hang on, where that is earlier.
func TestLeaseEndsWithItsToken(t *testing.T) {
	run(t, nil)
	n := newTenant(t).withRole(func(r *harness.Role) { r.TTL = 30 * time.Second })
	since := mark(t)
	n.lend(time.Hour, "app")
	lease := n.await("app", isLent).Status.Lease
	login := n.requests(since)[0]
	if ends := lease.Ends.Sub(login.Time); ends < 29*time.Second || ends > 31*time.Second {
		t.Errorf("the lease ends %v after the login, want 30 s", ends)
	}
}

// Where the token would end first, it is prolonged before the read that needs it
// longer: reads do not crowd together towards its end.
func TestTokenOfLeasesIsProlonged(t *testing.T) {
	run(t, nil)
	const life = 24 * time.Second
	n := newTenant(t).withRole(func(r *harness.Role) { r.TTL = life })
	since := mark(t)
	n.lend(time.Hour, "app")
	const reads = 4
	awaitReads(t, since, n.leasedPath(), reads)
	seen := n.requests(since)
	if got := harness.CountRequests(seen); got != (harness.Counts{Login: 1, Read: reads, Token: reads - 1}) {
		t.Errorf("Vault saw %+v: %s", got, listed(seen))
	}
	var last time.Time
	for _, entry := range seen {
		if entry.Kind() != harness.KindRead {
			continue
		}
		if apart := entry.Time.Sub(last); !last.IsZero() && (apart < life*2/3-time.Second || apart >= life) {
			t.Errorf("read again after %v, the token lives %v", apart, life)
		}
		last = entry.Time
	}
}

// Two Secrets never hold one credential: each object gets a lease of its own,
// also when they want it at the same moment.
func TestLeasesAreNeverShared(t *testing.T) {
	process := run(t, nil)
	n := newTenant(t).withRole(nil)
	since := mark(t)
	gate := shared.proxy.hold(t, &gate{holds: isLogin})
	objects := []string{"a", "b", "c"}
	n.lend(time.Hour, objects...)
	gate.reached(t, 1)
	awaitWorkers(t, process, len(objects))
	gate.open()
	for _, object := range objects {
		n.await(object, isLent)
	}
	n.wantRequests(since, harness.Counts{Login: 1, Read: len(objects)})
	if got := n.leases(); len(got) != len(objects) {
		t.Errorf("Vault has the leases %v, want one for each of %v", got, objects)
	}
}

// A rollout never revokes what pods are using: the session lives on where leases
// hang on it, and the next process asks for nothing before it is time.
func TestRolloutKeepsLeases(t *testing.T) {
	process := run(t, nil)
	n := newTenant(t).withRole(nil)
	n.lend(time.Hour, "app")
	before := n.await("app", isLent)
	secret, leases := n.secret("app"), n.leases()
	since := mark(t)
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	ready(t, launch(t, shared.release(nil), "--leader-elect=false"))
	n.put("other", "1")
	n.create(n.wants("other", n.ns, n.path("other")))
	n.awaitSynced("other")
	for _, entry := range n.requests(since) {
		if entry.Object != n.ns+"/other" {
			t.Errorf("the rollout sent %s for %q", entry.Path, entry.Object)
		}
	}
	for _, entry := range requests(t, since) {
		if entry.Kind() == harness.KindToken {
			t.Errorf("the rollout sent %s", entry.Path)
		}
	}
	if diff := cmp.Diff(leases, n.leases()); diff != "" || len(leases) != 1 {
		t.Errorf("leases %v, and after the rollout: %s", leases, diff)
	}
	if diff := cmp.Diff(secret, n.secret("app")); diff != "" {
		t.Errorf("the Secret was written: %s", diff)
	}
	if diff := cmp.Diff(before.Status, n.get("app").Status); diff != "" {
		t.Errorf("the status was written: %s", diff)
	}
}

// A lease that cannot be replaced in time keeps its Secret: Vault may be back
// before anybody needs another.
func TestLeaseEndsWhileVaultIsAway(t *testing.T) {
	run(t, settings{"timeout": "1s"})
	n := newTenant(t).withRole(nil)
	n.lend(leaseLife, "app")
	n.await("app", isLent)
	secret := n.secret("app")
	shared.proxy.misbehave(answers(503, "Vault is sealed", nil))
	t.Cleanup(func() { shared.proxy.misbehave(nil) })
	n.await("app", reasonIs(vaultUnavailable))
	harness.Await(t, within, func(context.Context) error {
		if len(n.leases()) > 0 {
			return errors.New("the lease still lives")
		}
		return nil
	})
	if diff := cmp.Diff(secret, n.secret("app")); diff != "" {
		t.Errorf("the Secret was touched: %s", diff)
	}
	shared.proxy.misbehave(nil)
	n.await("app", isLent)
	if got := n.leases(); len(got) != 1 {
		t.Errorf("leases %v", got)
	}
}
