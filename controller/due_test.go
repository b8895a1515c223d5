package controller

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/controller/vault"
)

var (
	testNow     = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	testApplied = metav1.NewTime(testNow.Add(-time.Hour))
)

// synced is an object that was synced, and the Secret that was left.
func synced() (*kesv1.ExternalSecret, *standing) {
	source := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{
		Name: "app", Namespace: "team-a", UID: "es", Generation: 3,
		Annotations: map[string]string{api.StampedAt: "s1", api.Resync: "r1"},
	}}
	source.SetGroupVersionKind(kesv1.GroupVersion().WithKind(kesv1.Kind))
	source.SyncStatus().SetSynced(api.VersionOf(source), testApplied)
	source.SyncStatus().Secret = &api.SecretState{UID: "secret", AppliedAt: testApplied, Keys: 2}
	return source, &standing{meta: &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: "app", Namespace: "team-a", UID: "secret", Labels: map[string]string{managedByLabel: managedBy},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "kubernetes-client.io/v1", Kind: "ExternalSecret", Name: "app", UID: "es"}},
		ManagedFields: []metav1.ManagedFieldsEntry{
			{Manager: "kubectl-label", Operation: metav1.ManagedFieldsOperationUpdate, Time: &metav1.Time{Time: testNow}},
			ownFields(testApplied, `{"f:data":{".":{},"f:a":{},"f:b":{}},"f:type":{}}`),
		},
	}}}
}

// look is an attempt for an object as it stands.
func look(source api.Synced, secret *standing) *attempt {
	if secret != nil {
		secret.manager = FieldManager
	}
	before := source.DeepCopyObject().(api.Synced) //nolint:forcetypeassert // A deep copy has the type of its original.
	plan := &api.Plan{}
	return &attempt{source: source, before: before, plan: plan, version: plan.Version(source), secret: secret}
}

func ownFields(at metav1.Time, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply, Time: &at,
		FieldsV1: metav1.NewFieldsV1(fields),
	}
}

func TestIsDue(t *testing.T) {
	retryAt := func(next time.Time, revision string) func(*kesv1.ExternalSecret, *standing) {
		return func(es *kesv1.ExternalSecret, s *standing) {
			s.meta = nil
			es.Status.Retry = &api.Retry{Version: api.VersionOf(es), PolicyRevision: revision, Next: metav1.NewTime(next)}
		}
	}
	tests := map[string]struct {
		change func(*kesv1.ExternalSecret, *standing)
		want   bool
	}{
		"as it was left":              {func(*kesv1.ExternalSecret, *standing) {}, false},
		"spec changed":                {func(es *kesv1.ExternalSecret, _ *standing) { es.Generation++ }, true},
		"stamped":                     {func(es *kesv1.ExternalSecret, _ *standing) { es.Annotations[api.StampedAt] = "s2" }, true},
		"resync while webhook away":   {func(es *kesv1.ExternalSecret, _ *standing) { es.Annotations[api.Resync] = "r2" }, true},
		"label of the object":         {func(es *kesv1.ExternalSecret, _ *standing) { es.Labels = map[string]string{"x": "y"} }, false},
		"Secret deleted":              {func(_ *kesv1.ExternalSecret, s *standing) { s.meta = nil }, true},
		"Secret replaced":             {func(_ *kesv1.ExternalSecret, s *standing) { s.meta.UID = "other" }, true},
		"foreign label on the Secret": {func(_ *kesv1.ExternalSecret, s *standing) { s.meta.Labels["x"] = "y" }, false},
		"our entry gone":              {func(_ *kesv1.ExternalSecret, s *standing) { s.meta.ManagedFields = s.meta.ManagedFields[:1] }, true},
		"a key taken over": {func(_ *kesv1.ExternalSecret, s *standing) {
			s.meta.ManagedFields[1] = ownFields(testApplied, `{"f:data":{".":{},"f:a":{}}}`)
		}, true},
		"applied by somebody in our name": {func(_ *kesv1.ExternalSecret, s *standing) {
			s.meta.ManagedFields[1] = ownFields(metav1.NewTime(testNow), `{"f:data":{".":{},"f:a":{},"f:b":{}}}`)
		}, true},
		"failed, next attempt later":   {retryAt(testNow.Add(time.Second), "rev"), false},
		"failed, next attempt now":     {retryAt(testNow, "rev"), true},
		"failed, policy changed since": {retryAt(testNow.Add(time.Hour), "old"), true},
		"failed, object changed since": {func(es *kesv1.ExternalSecret, s *standing) {
			retryAt(testNow.Add(time.Hour), "rev")(es, s)
			es.Generation++
		}, true},
		"never synced":                  {func(es *kesv1.ExternalSecret, _ *standing) { es.Status = kesv1.ExternalSecretStatus{} }, true},
		"synced by KES":                 {asKES, false},
		"synced by KES, Secret gone":    {func(es *kesv1.ExternalSecret, s *standing) { asKES(es, s); s.meta = nil }, true},
		"synced by KES, changed since":  {func(es *kesv1.ExternalSecret, s *standing) { asKES(es, s); es.Generation++ }, true},
		"KES failed at this generation": {func(es *kesv1.ExternalSecret, s *standing) { asKES(es, s); es.Status.Status = "ERROR, x" }, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			source, secret := synced()
			tc.change(source, secret)
			r := &Reconciler{Clock: testclock.NewFakePassiveClock(testNow), Restores: NewRestores(testclock.NewFakeClock(testNow))}
			if got := r.isDue(look(source, secret), "rev"); got.now != tc.want {
				t.Errorf("due: %v, want %v", got.now, tc.want)
			}
		})
	}
}

// A failure that nothing but a change of the object or the policy mends has no
// next turn, whatever its last sync left in the status.
func TestNextAttempt(t *testing.T) {
	past, ahead := metav1.NewTime(testNow.Add(-time.Minute)), metav1.NewTime(testNow.Add(time.Hour))
	tests := map[string]struct {
		status  api.SyncStatus
		outcome outcome
		want    time.Duration
	}{
		"synced":                   {api.SyncStatus{}, outcome{}, 0},
		"leased":                   {api.SyncStatus{Lease: &api.Lease{RenewAt: ahead}}, outcome{}, time.Hour},
		"leased, turn has come":    {api.SyncStatus{Lease: &api.Lease{RenewAt: past}}, outcome{}, time.Second},
		"leased, denied":           {api.SyncStatus{Lease: &api.Lease{RenewAt: ahead}}, outcome{failure: &failure{}}, 0},
		"leased and over, denied":  {api.SyncStatus{Lease: &api.Lease{RenewAt: past}}, outcome{failure: &failure{}}, 0},
		"failed, is tried again":   {api.SyncStatus{Retry: &api.Retry{Next: ahead}}, outcome{failure: &failure{}}, time.Hour},
		"failed a moment ago":      {api.SyncStatus{Retry: &api.Retry{Next: metav1.NewTime(testNow.Add(time.Millisecond))}}, outcome{failure: &failure{}}, time.Second},
		"nothing new, due later":   {api.SyncStatus{Lease: &api.Lease{RenewAt: past}}, outcome{idle: true, wait: time.Minute}, time.Minute},
		"nothing new, nothing due": {api.SyncStatus{}, outcome{idle: true}, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			source := &kesv1.ExternalSecret{Status: kesv1.ExternalSecretStatus{SyncStatus: tc.status}}
			r := &Reconciler{Clock: testclock.NewFakePassiveClock(testNow)}
			if got := r.nextAttempt(look(source, nil), &tc.outcome); got.RequeueAfter != tc.want {
				t.Errorf("comes back after %s, want %s", got.RequeueAfter, tc.want)
			}
		})
	}
}

// asKES leaves what kubernetes-external-secrets leaves.
func asKES(es *kesv1.ExternalSecret, s *standing) {
	es.Annotations = nil
	es.Status = kesv1.ExternalSecretStatus{Status: "SUCCESS", ObservedGeneration: es.Generation, LastSync: "2022-03-23T10:00:00.000Z"}
	s.meta.ManagedFields = nil
}

// The ownership table of the design, row by row.
func TestNotOwned(t *testing.T) {
	const handOver = "Secret app exists and was not made by Countersign; delete it, rename this object, or annotate the Secret with countersign.dev/adopt=app to hand it over"
	tests := map[string]struct {
		change func(*standing)
		want   string
	}{
		"none":                         {func(s *standing) { s.meta = nil }, ""},
		"ours":                         {func(*standing) {}, ""},
		"KES's":                        {func(s *standing) { s.meta.Labels = nil }, ""},
		"ours of an earlier object":    {func(s *standing) { s.meta.OwnerReferences[0].UID = "earlier" }, ""},
		"earlier object, other writer": {func(s *standing) { s.meta.OwnerReferences[0].UID = "earlier"; s.meta.Labels = nil }, "Secret app belongs to ExternalSecret app; rename this object or delete the other"},
		"no owner":                     {func(s *standing) { s.meta.OwnerReferences = nil }, handOver},
		"no owner, handed over": {func(s *standing) {
			s.meta.OwnerReferences = nil
			s.meta.Annotations = map[string]string{api.Adopt: "app"}
		}, ""},
		"handed over to another": {func(s *standing) {
			s.meta.OwnerReferences = nil
			s.meta.Annotations = map[string]string{api.Adopt: "b"}
		}, handOver},
		"another owner": {func(s *standing) {
			s.meta.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "x", UID: "y"}}
			s.meta.Annotations = map[string]string{api.Adopt: "app"}
		}, "Secret app belongs to Pod x; rename this object or delete the other"},
		"another group's ExternalSecret": {func(s *standing) {
			s.meta.OwnerReferences[0].UID, s.meta.OwnerReferences[0].APIVersion = "y", "external-secrets.io/v1"
		}, "Secret app belongs to ExternalSecret app; rename this object or delete the other"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			source, secret := synced()
			tc.change(secret)
			var got string
			if failure := notOwned(look(source, secret)); failure != nil {
				got = failure.message
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRetryDelay(t *testing.T) {
	tests := map[string]struct {
		attempts int32
		most     time.Duration
	}{
		"first":    {1, 5 * time.Second},
		"third":    {3, 20 * time.Second},
		"for ever": {1 << 30, time.Hour},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				if got := retryDelay(tc.attempts); got > tc.most || got < tc.most*4/5-1 {
					t.Fatalf("%v, want %v less at most a fifth", got, tc.most)
				}
			}
		})
	}
}

// While Vault is away an object looks less and less often by itself. Who has
// probed is back when the next probe is due, and not before.
func TestRetryWait(t *testing.T) {
	const probe = vault.LongestProbe * 5 / 4
	tests := map[string]struct {
		since    time.Duration
		requests int32
		most     time.Duration
	}{
		"still to come":           {-10 * time.Second, 0, 10 * time.Second},
		"just now":                {0, 0, time.Second},
		"for ten seconds":         {10 * time.Second, 0, 10 * time.Second},
		"for ten seconds, probed": {10 * time.Second, 1, 10 * time.Second},
		"for a day":               {24 * time.Hour, 0, time.Minute},
		"for a day, probed":       {24 * time.Hour, 1, probe},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				look := longestLook(&outcome{requests: tc.requests})
				got := retryWait(&api.Retry{Next: metav1.NewTime(testNow.Add(-tc.since))}, testNow, look)
				if got > tc.most || got < tc.most*4/5-1 {
					t.Fatalf("%v, want %v less at most a fifth", got, tc.most)
				}
			}
		})
	}
}

// A Secret that somebody changes again and again is restored less and less
// often.
func TestRestoresBackOff(t *testing.T) {
	clock := testclock.NewFakeClock(testNow)
	r := &Reconciler{Clock: clock, Restores: NewRestores(clock)}
	source, secret := synced()
	secret.meta = nil
	for i, want := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second} {
		got := r.isDue(look(source, secret), "rev")
		if got.after != want || got.now != (want == 0) {
			t.Errorf("restore %d: %+v, want after %v", i, got, want)
		}
		clock.Step(want)
		r.Restores.Next(keyOf(source).String(), clock.Now())
	}
}

// What is lent is read again after two thirds of its life, and is due then.
func TestLease(t *testing.T) {
	clock := testclock.NewFakePassiveClock(testNow)
	r := &Reconciler{Clock: clock, Restores: NewRestores(testclock.NewFakeClock(testNow))}
	doors := []*door{{answers: map[api.Address]*vault.Answer{
		{Path: "secret/data/x"}:    {},
		{Path: "database/creds/a"}: {LeaseEnds: testNow.Add(3 * time.Hour)},
		{Path: "database/creds/b"}: {LeaseEnds: testNow.Add(time.Hour)},
	}}, {answers: map[api.Address]*vault.Answer{
		{Path: "database/creds/bb"}: {LeaseEnds: testNow.Add(2 * time.Hour)},
	}}}
	lease := leaseOf(doors, testNow)
	want := &api.Lease{Ends: metav1.NewTime(testNow.Add(time.Hour)), RenewAt: metav1.NewTime(testNow.Add(40 * time.Minute))}
	if diff := cmp.Diff(want, lease); diff != "" {
		t.Error(diff)
	}
	if lease := leaseOf([]*door{{answers: map[api.Address]*vault.Answer{{Path: "x"}: {}}}}, testNow); lease != nil {
		t.Errorf("a lease of KV: %+v", lease)
	}
	source, secret := synced()
	source.Status.Lease = lease
	if got := r.isDue(look(source, secret), "rev"); got != (due{after: 40 * time.Minute}) {
		t.Errorf("at first %+v", got)
	}
	clock.SetTime(testNow.Add(40 * time.Minute))
	if got := r.isDue(look(source, secret), "rev"); !got.now {
		t.Errorf("at two thirds %+v", got)
	}
}

// With an interval each object has a turn of its own in it, and one a turn.
func TestResyncInterval(t *testing.T) {
	const interval = time.Hour
	clock := testclock.NewFakePassiveClock(testNow)
	r := &Reconciler{Clock: clock, Restores: NewRestores(testclock.NewFakeClock(testNow)), ResyncInterval: interval}
	perQuarter := map[int]int{}
	for i := range 1000 {
		source, secret := synced()
		source.UID = types.UID(strconv.Itoa(i))
		source.Status.SyncedAt = new(metav1.NewTime(testNow))
		got := r.isDue(look(source, secret), "rev")
		if got.now || got.after <= 0 || got.after > interval {
			t.Fatalf("object %d is due %+v", i, got)
		}
		perQuarter[int(got.after/(interval/4))]++
		next := nextInterval(source, interval)
		source.Status.SyncedAt = new(metav1.NewTime(next))
		if again := nextInterval(source, interval); again.Sub(next) != interval {
			t.Fatalf("object %d: %v between two turns", i, again.Sub(next))
		}
	}
	for quarter := range 4 {
		if n := perQuarter[quarter]; n < 200 || n > 300 {
			t.Errorf("%d of 1000 objects in quarter %d: not spread evenly", n, quarter)
		}
	}
	source, secret := synced()
	source.Status.SyncedAt = new(metav1.NewTime(testNow.Add(-2 * interval)))
	if !r.isDue(look(source, secret), "rev").now {
		t.Error("an object whose turn is over is not due")
	}
	r.ResyncInterval = 0
	if got := r.isDue(look(source, secret), "rev"); got != (due{}) {
		t.Errorf("without an interval: %+v", got)
	}
}
