package resilience

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/harness"
)

// awaitWorkers waits until that many objects are worked on, and have been for a
// few scrapes: what waits at a gate is there by then.
func awaitWorkers(t *testing.T, process *harness.Process, want int) {
	t.Helper()
	const inARow = 5
	same := 0
	harness.Await(t, within, func(ctx context.Context) error {
		got, err := metric(ctx, process, "controller_runtime_active_workers", `controller="externalsecret.`)
		if err != nil {
			return err
		}
		if same++; int(got) != want {
			same = 0
		}
		if same < inARow {
			return fmt.Errorf("%v objects are worked on, want %d", got, want)
		}
		return nil
	})
}

// ofRole are the requests of the sessions of one role, and its logins.
func ofRole(entries []harness.AuditEntry, name string) harness.Counts {
	var own []harness.AuditEntry
	for _, entry := range entries {
		if entry.Role == name {
			own = append(own, entry)
		}
	}
	return harness.CountRequests(own)
}

// Issue 5, point 4: reads that are wanted together go out once, however many
// objects and namespaces want them; sessions never share.
func TestSharedReads(t *testing.T) {
	process := run(t, nil)
	const perTenant = 5
	tenants := newTenants(t, 4)
	putValue(t, "shared/common", "1")
	first, other := tenants[0], tenants[3].withRole(nil)
	since := mark(t)
	gate := shared.proxy.hold(t, &gate{holds: isLogin})
	for _, n := range tenants {
		as := role
		if n == other {
			as = n.ns
		}
		for i := range perTenant {
			n.create(n.wants(fmt.Sprintf("app-%d", i), as, common))
		}
	}
	gate.reached(t, 2)
	awaitWorkers(t, process, len(tenants)*perTenant)
	gate.open()
	for _, n := range tenants {
		for i := range perTenant {
			n.awaitSynced(fmt.Sprintf("app-%d", i))
		}
	}
	seen := requests(t, since)
	want := harness.Counts{Login: 1, Read: 1}
	for _, name := range []string{role, other.ns} {
		if got := ofRole(seen, name); got != want {
			t.Errorf("sessions of role %s made %+v requests, want %+v: %s", name, got, want, listed(seen))
		}
	}
	for _, entry := range seen {
		if entry.Kind() == harness.KindRead && strings.Contains(entry.Object, first.ns+"/") == strings.Contains(entry.Object, other.ns+"/") {
			t.Errorf("one read is for %s: both roles, or none", entry.Object)
		}
	}
}

// A read that has left does not count for an object that came after.
func TestReadsThatLeftAreNotShared(t *testing.T) {
	run(t, nil)
	n := newTenant(t)
	n.put("app", "1")
	n.create(n.wants("first", role, n.path("app")))
	n.awaitSynced("first")
	gate := shared.proxy.hold(t, &gate{holds: readsOf(n.path("app")), asked: true})
	n.resync("first")
	gate.reached(t, 1)
	// Vault has answered the first; that is not what the second asks for.
	n.put("app", "2")
	n.create(n.wants("second", role, n.path("app")))
	gate.reached(t, 2)
	gate.open()
	n.awaitSynced("first")
	n.awaitSynced("second")
	if got := n.value("second"); got != "2" {
		t.Errorf("the Secret holds %q, which was read before the object was seen", got)
	}
}

// Issue 5, point 2: a token with a short life is renewed or replaced when a read
// needs it and not before; idle, it is left to expire.
func TestShortLivedTokens(t *testing.T) {
	tests := map[string]struct {
		ttl, longest time.Duration
		batch        bool
		// renews: the token can be prolonged.
		renews bool
	}{
		"renewable":           {ttl: 10 * time.Second, renews: true},
		"with a longest life": {ttl: 6 * time.Second, longest: 9 * time.Second, renews: true},
		// Vault counts the life of a batch token from the full second before.
		"batch": {ttl: 12 * time.Second, batch: true},
	}
	run(t, nil)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newTenant(t).withRole(func(r *harness.Role) { r.TTL, r.MaxTTL = tc.ttl, tc.longest })
			if tc.batch {
				n.getsBatchTokens()
			}
			n.put("app", "1")
			since := mark(t)
			n.create(n.wants("app", n.ns, n.path("app")))
			n.awaitSynced("app")
			for end := time.Now().Add(tc.ttl * 5 / 2); time.Now().Before(end); {
				n.resync("app")
				n.awaitSynced("app")
			}
			seen := n.requests(since)
			neededOnly(t, seen, tc.ttl, tc.longest > 0)
			counts := harness.CountRequests(seen)
			t.Logf("%+v", counts)
			if (counts.Token > 0) != tc.renews {
				t.Errorf("%d renewals: %s", counts.Token, listed(seen))
			}
			if counts.Login < 2 && (!tc.renews || tc.longest > 0) {
				t.Errorf("%d logins: %s", counts.Login, listed(seen))
			}
			expires(t, n, tc.ttl)
		})
	}
}

// neededOnly: no login and no renewal came while the last one still served, but
// for the tenth of its life that is left as a margin; and a read followed it.
// Near its longest life a token is prolonged by less.
func neededOnly(t *testing.T, seen []harness.AuditEntry, ttl time.Duration, less bool) {
	t.Helper()
	var last harness.AuditEntry
	for _, entry := range seen {
		if entry.Error != "" {
			t.Errorf("%s %s failed: %s", entry.Operation, entry.Path, entry.Error)
		}
		if entry.Kind() != harness.KindLogin && entry.Kind() != harness.KindToken {
			continue
		}
		if since := entry.Time.Sub(last.Time); !last.Time.IsZero() && !less && since < ttl*8/10 {
			t.Errorf("%s %v after %s: %s", entry.Path, since, last.Path, listed(seen))
		}
		last = entry
	}
	if last.Path == seen[len(seen)-1].Path {
		t.Errorf("%s, and nothing was read: %s", last.Path, listed(seen))
	}
}

// expires: nothing is sent for an idle session, and what comes after its end
// logs in once.
func expires(t *testing.T, n *tenant, ttl time.Duration) {
	t.Helper()
	since := mark(t)
	select {
	case <-time.After(ttl + time.Second):
	case <-t.Context().Done():
	}
	n.wantRequests(since, harness.Counts{})
	n.resync("app")
	n.awaitSynced("app")
	n.wantRequests(since, harness.Counts{Login: 1, Read: 1})
}

// A token that somebody revoked in Vault is replaced once, however many want
// it.
func TestRevokedTokenIsReplacedOnce(t *testing.T) {
	run(t, nil)
	n := newTenant(t).withRole(nil)
	names := []string{"a", "b", "c", "d", "e"}
	for _, name := range names {
		n.put(name, "1")
		n.create(n.wants(name, n.ns, n.path(name)))
		n.awaitSynced(name)
	}
	revokeTokensOf(t, n.ns)
	since := mark(t)
	gate := shared.proxy.hold(t, &gate{holds: func(r *http.Request) bool { return !isLogin(r) }})
	for _, name := range names {
		n.resync(name)
	}
	gate.reached(t, len(names))
	gate.open()
	for _, name := range names {
		n.awaitSynced(name)
	}
	n.wantRequests(since, harness.Counts{Login: 1, Read: 2 * len(names)})
}

// revokeTokensOf a role, as an operator of Vault would.
func revokeTokensOf(t *testing.T, name string) {
	t.Helper()
	vault := shared.env.Vault.Client
	accessors, err := vault.Logical().ListWithContext(t.Context(), "auth/token/accessors")
	if err != nil {
		t.Fatal(err)
	}
	revoked := 0
	keys, _ := accessors.Data["keys"].([]any)
	for _, key := range keys {
		accessor, _ := key.(string)
		token, err := vault.Auth().Token().LookupAccessorWithContext(t.Context(), accessor)
		if err != nil {
			t.Fatal(err)
		}
		meta, _ := token.Data["meta"].(map[string]any)
		if meta["role"] != name {
			continue
		}
		if err := vault.Auth().Token().RevokeAccessorWithContext(t.Context(), accessor); err != nil {
			t.Fatal(err)
		}
		revoked++
	}
	if revoked == 0 {
		t.Fatalf("no token of role %s", name)
	}
}

// A path that Vault forbids one tenant makes nobody log in again.
func TestForbiddenPathMakesNobodyLogIn(t *testing.T) {
	run(t, nil)
	good, bad := newTenant(t), newTenant(t)
	good.put("app", "1")
	good.apply("app")
	good.awaitSynced("app")
	since := mark(t)
	const tries = 5
	bad.apply("forbidden")
	for i := range tries {
		bad.await("forbidden", reasonIs("VaultForbidden"))
		good.resync("app")
		good.awaitSynced("app")
		bad.resync("forbidden")
		awaitReads(t, since, bad.path("forbidden"), i+2)
	}
	if got := harness.CountRequests(requests(t, since)); got.Login != 0 || got.Token != 0 {
		t.Errorf("%+v: %s", got, listed(requests(t, since)))
	}
}

// awaitReads waits until Vault has seen a path read that often.
func awaitReads(t *testing.T, since harness.Mark, path string, least int) {
	t.Helper()
	harness.Await(t, within, func(context.Context) error {
		reads := 0
		for _, entry := range requests(t, since) {
			if entry.Path == path {
				reads++
			}
		}
		if reads < least {
			return fmt.Errorf("%s was read %d times, want %d", path, reads, least)
		}
		return nil
	})
}

// At shutdown each session is revoked that lives and can be, and no other request
// is made; a restart with synced objects sends nothing and writes nothing.
func TestShutdownRevokesAndRestartIsSilent(t *testing.T) {
	process := run(t, nil)
	one, two, batch := newTenant(t).withRole(nil), newTenant(t).withRole(nil), newTenant(t).withRole(nil)
	batch.getsBatchTokens()
	idle := newTenant(t).withRole(func(r *harness.Role) { r.TTL = 2 * time.Second })
	tenants := []*tenant{one, two, batch, idle}
	for _, n := range tenants {
		n.put("app", "1")
		n.create(n.wants("app", n.ns, n.path("app")))
		n.awaitSynced("app")
	}
	before := versionsOf(t, tenants)
	harness.Await(t, within, func(ctx context.Context) error {
		live, err := metric(ctx, process, "countersign_vault_sessions")
		if err == nil && live != 3 {
			err = fmt.Errorf("%v sessions live, want those of three roles", live)
		}
		return err
	})
	since := mark(t)
	if err := process.Stop(); err != nil {
		t.Fatal(err)
	}
	var sent []string
	for _, entry := range requests(t, since) {
		sent = append(sent, entry.Path)
	}
	if diff := cmp.Diff([]string{"auth/token/revoke-self", "auth/token/revoke-self"}, sent); diff != "" {
		t.Errorf("sent at shutdown: %s", diff)
	}

	since = mark(t)
	ready(t, launch(t, shared.release(nil), "--leader-elect=false"))
	// An object that is synced after the restart shows that the others' turn has
	// come.
	one.create(one.wants("after", one.ns, one.path("app")))
	one.awaitSynced("after")
	for _, entry := range requests(t, since) {
		if entry.Object != one.ns+"/after" {
			t.Errorf("the restart sent %s for %s", entry.Path, entry.Object)
		}
	}
	if diff := cmp.Diff(before, versionsOf(t, tenants)); diff != "" {
		t.Errorf("the restart wrote: %s", diff)
	}
}

// versionsOf the object called app of each tenant, and of its Secret.
func versionsOf(t *testing.T, tenants []*tenant) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, n := range tenants {
		versions[n.ns+" object"] = n.get("app").ResourceVersion
		versions[n.ns+" Secret"] = n.secret("app").ResourceVersion
	}
	return versions
}
