package controller

import (
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/controller/vault"
)

// backoff grows from first to most.
type backoff struct{ first, most time.Duration }

// backoffOf: an absent Vault comes back by itself and soon; what a person has
// to mend is tried at most once an hour.
func backoffOf(reason string) backoff {
	if reason == string(vault.ReasonUnavailable) {
		return backoff{first: time.Second, most: 15 * time.Second}
	}
	return backoff{first: 5 * time.Second, most: time.Hour}
}

// delay doubles with each attempt. A fifth of it is chance, so that many
// objects do not come back at the same moment.
func (b backoff) delay(attempts int32) time.Duration {
	delay := b.first
	for range attempts - 1 {
		if delay >= b.most {
			break
		}
		delay *= 2
	}
	delay = min(delay, b.most)
	return delay - time.Duration(rand.Int64N(int64(delay)/5+1)) //nolint:gosec // Jitter needs no secrecy.
}

// recordRetry says in the status when the next attempt is due.
func (r *Reconciler) recordRetry(source api.Source, failure *failure) {
	status := source.SyncStatus()
	if !failure.retries {
		status.Retry = nil
		return
	}
	version := api.VersionOf(source)
	var attempts int32 = 1
	if last := status.Retry; last != nil && last.Version == version && last.Reason == failure.reason {
		attempts = last.Attempts + 1
	}
	status.Retry = &api.Retry{
		Reason: failure.reason, Attempts: attempts, Version: version,
		Next:           metav1.NewTime(r.Clock.Now().Add(backoffOf(failure.reason).delay(attempts))),
		PolicyRevision: r.Judge.Policy().Revision(),
	}
}

func (r *Reconciler) nextAttempt(source api.Source) reconcile.Result {
	retry := source.SyncStatus().Retry
	if retry == nil {
		return reconcile.Result{}
	}
	return reconcile.Result{RequeueAfter: max(retry.Next.Sub(r.Clock.Now()), time.Second)}
}
