package v1

import "slices"

// finalizer is ESO's, on every ExternalSecret that it has seen. Where it runs no
// more nobody would take it off.
const finalizer = "externalsecrets.external-secrets.io/externalsecret-cleanup"

// Release takes ESO's finalizer off an object that Countersign syncs, or has
// synced: its stores may have gone before it.
func (e *ExternalSecret) Release(ours bool) bool {
	synced := e.Sync.Synced() != (&ExternalSecret{}).Sync.Synced()
	if !ours && !synced || !slices.Contains(e.Finalizers, finalizer) {
		return false
	}
	e.Finalizers = slices.DeleteFunc(e.Finalizers, func(one string) bool { return one == finalizer })
	return true
}
