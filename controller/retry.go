package controller

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/controller/vault"
)

const (
	// What a person has to mend is tried seldom, in the end once an hour.
	firstRetry = 5 * time.Second
	lastRetry  = time.Hour
	// An absent Vault comes back by itself. Its return is announced to whoever
	// waits; looking by oneself is for the case that it was one path alone.
	firstLook = time.Second
	lastLook  = time.Minute
)

// retryDelay doubles with each attempt.
func retryDelay(attempts int32) time.Duration {
	delay := firstRetry
	for range attempts - 1 {
		if delay >= lastRetry {
			break
		}
		delay *= 2
	}
	return jittered(min(delay, lastRetry))
}

// jittered takes up to a fifth away, so that many objects do not come back at
// the same moment.
func jittered(delay time.Duration) time.Duration {
	return wait.Jitter(delay*4/5, 0.25)
}

// recordRetry says in the status when the next attempt is due.
func (r *Reconciler) recordRetry(this *attempt, failure *failure) {
	status := this.source.SyncStatus()
	if !failure.retries {
		status.Retry = nil
		return
	}
	version := this.version
	var attempts int32 = 1
	if last := status.Retry; last != nil && last.Version == version && last.Reason == failure.reason {
		attempts = last.Attempts + 1
	}
	delay := retryDelay(attempts)
	if failure.isAway() {
		delay = jittered(firstLook)
	}
	status.Retry = &api.Retry{
		Reason: failure.reason, Attempts: attempts, Version: version,
		Next:           metav1.NewTime(r.Clock.Now().Add(delay)),
		PolicyRevision: r.Judge.Policy().Revision(),
	}
}

func (f *failure) isAway() bool { return f.reason == string(vault.ReasonUnavailable) }

// stillAway: that Vault is away was recorded when it went. Thousands of objects
// wait for it, and none of them is written while they do.
func (r *Reconciler) stillAway(this *attempt, failure *failure) bool {
	retry := this.source.SyncStatus().Retry
	return failure.isAway() && retry != nil && retry.Reason == failure.reason &&
		retry.Version == this.version && retry.PolicyRevision == r.Judge.Policy().Revision()
}

// backlog is the priority of whatever no user waits for at this moment.
const backlog = -1

// nextAttempt has the object come back when something is due.
func (r *Reconciler) nextAttempt(this *attempt, outcome *outcome) reconcile.Result {
	after, status, now := outcome.wait, this.source.SyncStatus(), r.Clock.Now()
	switch {
	case outcome.idle:
	case status.Retry != nil:
		after = retryWait(status.Retry, now, longestLook(outcome))
	case outcome.failure == nil:
		if turn := r.nextTurn(this); !turn.IsZero() {
			after = max(turn.Sub(now), time.Second)
		}
	}
	if after <= 0 {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: after, Priority: new(backlog)}
}

// longestLook: whoever has probed an absent Vault is back for the next probe, so
// that its return is noticed however few wait.
func longestLook(outcome *outcome) time.Duration {
	if outcome.requests > 0 {
		// The probe is due even where jitter takes a fifth away.
		return vault.LongestProbe * 5 / 4
	}
	return lastLook
}

// retryWait is the time until the next attempt. While Vault is away that grows
// with the time that it has been.
func retryWait(retry *api.Retry, now time.Time, longest time.Duration) time.Duration {
	if left := retry.Next.Sub(now); left > 0 {
		return max(left, time.Second)
	}
	return jittered(min(max(now.Sub(retry.Next.Time), firstLook), longest))
}
