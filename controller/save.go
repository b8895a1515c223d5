package controller

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// save writes what is new, unless somebody else has written it meanwhile: a
// leader that has lost its lease unawares has nothing to say. What a dialect
// remembers in an annotation comes last: without it the object is synced again.
func (r *Reconciler) save(ctx context.Context, this *attempt) error {
	this.source.Keep()
	if reflect.DeepEqual(this.source, this.before) {
		return nil
	}
	status, annotations, err := this.changes()
	if err == nil && status {
		write := func(object client.Object, patch client.Patch) error {
			return r.Status().Patch(ctx, object, patch, client.FieldOwner(FieldManager))
		}
		err = persist(ctx, func() error { return this.patch(write) }, func() error { return r.catchUp(ctx, this) })
	}
	if err == nil && annotations {
		write := func(object client.Object, patch client.Patch) error {
			return r.Patch(ctx, object, patch, client.FieldOwner(FieldManager))
		}
		err = persist(ctx, func() error { return this.patch(write) }, func() error { return r.catchUpRemembered(ctx, this) })
	}
	return client.IgnoreNotFound(err)
}

// changes are the parts of the object that are new. Where no annotation is, the
// status is all that can be.
func (a *attempt) changes() (status, annotations bool, err error) {
	if maps.Equal(a.source.GetAnnotations(), a.before.GetAnnotations()) {
		return true, false, nil
	}
	data, err := client.MergeFrom(a.before).Data(a.source)
	if err != nil {
		return false, false, err
	}
	var parts struct {
		Status json.RawMessage `json:"status"`
	}
	err = json.Unmarshal(data, &parts)
	return parts.Status != nil, true, err
}

// patch leaves the part out that does not belong there: the apiserver does.
func (a *attempt) patch(write func(client.Object, client.Patch) error) error {
	written := a.source.DeepCopyObject().(client.Object) //nolint:forcetypeassert // A deep copy has the type of its original.
	if err := write(written, client.MergeFromWithOptions(a.before, client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	a.seen(written.GetResourceVersion())
	return nil
}

// seen is the version of the object that the next write is meant for.
func (a *attempt) seen(resourceVersion string) {
	a.source.SetResourceVersion(resourceVersion)
	a.before.SetResourceVersion(resourceVersion)
}

// catchUp with a change of the object that is none of its status.
func (r *Reconciler) catchUp(ctx context.Context, this *attempt) error {
	return r.catchUpIf(ctx, this, func(now *api.SyncStatus) bool {
		return equality.Semantic.DeepEqual(now, this.before.SyncStatus())
	})
}

// catchUpRemembered is catchUp after the status is written.
func (r *Reconciler) catchUpRemembered(ctx context.Context, this *attempt) error {
	return r.catchUpIf(ctx, this, func(now *api.SyncStatus) bool {
		before := this.before.SyncStatus().DeepCopy()
		before.Conditions = now.Conditions
		return equality.Semantic.DeepEqual(now, before)
	})
}

func (r *Reconciler) catchUpIf(ctx context.Context, this *attempt, same func(*api.SyncStatus) bool) error {
	now := r.New()
	if err := r.Live.Get(ctx, this.key(), now); err != nil {
		return err
	}
	if now.GetUID() != this.source.GetUID() || !same(now.SyncStatus()) {
		return errOutdated
	}
	this.seen(now.GetResourceVersion())
	return nil
}
