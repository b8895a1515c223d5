package controller

import (
	"cmp"
	"hash/fnv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
)

// due says whether Vault has to be visited now, or how long it is until then;
// neither where nothing is to be done.
type due struct {
	now   bool
	after time.Duration
}

// isDue: something else is asked than what was synced last, the Secret is not as
// it was left, or what it holds ends soon. After a failure it waits for the time
// of the next attempt, unless the object or the policy has changed since.
func (r *Reconciler) isDue(this *attempt, revision string) due {
	status, want := this.source.SyncStatus(), this.version
	if retry := status.Retry; retry != nil && retry.Version == want && retry.PolicyRevision == revision && !isNowHandedOver(this, retry) {
		return r.at(retry.Next.Time)
	}
	if predecessor := this.source.SyncedByPredecessor(); predecessor != nil && *predecessor == want {
		return due{now: this.secret.isGone()}
	}
	switch {
	case status.Synced() != want:
		return due{now: true}
	case r.isRestore(this):
		return due{now: true, after: r.restoreWait(this.source)}.orLater()
	}
	if turn := r.nextTurn(this); !turn.IsZero() {
		return r.at(turn)
	}
	return due{}
}

// nextTurn is when what was synced is read again though nobody asks; zero where
// it is not.
func (r *Reconciler) nextTurn(this *attempt) time.Time {
	status, interval := this.source.SyncStatus(), cmp.Or(this.plan.Interval, r.ResyncInterval)
	switch {
	case status.Lease != nil:
		return status.Lease.RenewAt.Time
	case interval > 0 && status.SyncedAt != nil:
		return nextInterval(this.source, interval)
	}
	return time.Time{}
}

// isRestore reports a Secret that was synced and is not as it was left.
func (r *Reconciler) isRestore(this *attempt) bool {
	status := this.source.SyncStatus()
	left := status.Secret
	return status.Synced() == this.version && left != nil && (this.secret.isGone() || this.secret.isTampered(left))
}

// nextInterval is when the object's turn in the interval comes next. Turns are
// spread evenly by the objects' UIDs, so that objects that were synced together
// are not read again together.
func nextInterval(source api.Synced, interval time.Duration) time.Time {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(source.GetUID()))
	phase := time.Duration(hash.Sum64() % uint64(interval)) //nolint:gosec // An interval is positive.
	last := source.SyncStatus().SyncedAt.Time
	return last.Add(-phase).Truncate(interval).Add(interval + phase)
}

func (r *Reconciler) at(next time.Time) due {
	wait := next.Sub(r.Clock.Now())
	return due{now: wait <= 0, after: max(wait, 0)}
}

// orLater puts what has to wait off.
func (d due) orLater() due {
	d.now = d.after <= 0
	return d
}

// restoreWait is how long a Secret that was changed or deleted has to wait:
// nothing the first time, and longer each time that it happens again soon.
func (r *Reconciler) restoreWait(source api.Synced) time.Duration {
	key, now := keyOf(source).String(), r.Clock.Now()
	if r.Restores.IsInBackOffSinceUpdate(key, now) {
		return r.Restores.Get(key)
	}
	return 0
}

// leaseOf is when what was read ends, and when it is read again: after two
// thirds of its life, as Vault's own agents do.
func leaseOf(doors []*door, now time.Time) *api.Lease {
	var first time.Time
	for _, one := range doors {
		for _, answer := range one.answers {
			if ends := answer.LeaseEnds; !ends.IsZero() && (first.IsZero() || ends.Before(first)) {
				first = ends
			}
		}
	}
	if first.IsZero() {
		return nil
	}
	life := max(first.Sub(now), 0)
	return &api.Lease{Ends: metav1.NewTime(first), RenewAt: metav1.NewTime(now.Add(max(life*2/3, shortestLease)))}
}

// shortestLease bounds how often a lease that hardly lives is renewed.
const shortestLease = 5 * time.Second
