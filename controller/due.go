package controller

import (
	"github.com/countersign/countersign/api"
)

// isDue reports whether Vault has to be visited now: something else is asked
// than what was synced last, or the Secret is not as it was left. After a
// failure it waits for the time of the next attempt, unless the object or the
// policy has changed since.
func (r *Reconciler) isDue(source api.Source, secret *standing, revision string) bool {
	status, want := source.SyncStatus(), api.VersionOf(source)
	if retry := status.Retry; retry != nil && retry.Version == want && retry.PolicyRevision == revision {
		return !r.Clock.Now().Before(retry.Next.Time)
	}
	if predecessor := source.SyncedByPredecessor(); predecessor != nil && *predecessor == want {
		return secret.isGone()
	}
	return status.Synced() != want || secret.isGone() || secret.isTampered(status.Secret)
}
