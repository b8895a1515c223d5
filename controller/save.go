package controller

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
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
	// With this, the version that stands in the object is part of each patch.
	this.before.SetResourceVersion("")
	status, annotations, err := this.changes()
	if err == nil && status {
		write := func(object client.Object, patch client.Patch) error {
			return r.Status().Patch(ctx, object, patch, client.FieldOwner(FieldManager))
		}
		err = persist(ctx, func() error { return this.patch(r.New(), write) }, func() error { return r.catchUp(ctx, this) })
	}
	if err == nil && annotations {
		write := func(object client.Object, patch client.Patch) error {
			return r.Patch(ctx, object, patch, client.FieldOwner(FieldManager))
		}
		err = persist(ctx, func() error { return this.patch(r.New(), write) }, func() error { return r.catchUpRemembered(ctx, this) })
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

// patch leaves the part out that does not belong there: the apiserver does. What
// it answers goes into written.
func (a *attempt) patch(written client.Object, write func(client.Object, client.Patch) error) error {
	data, err := client.MergeFrom(a.before).Data(a.source)
	if err != nil {
		return err
	}
	written.SetNamespace(a.source.GetNamespace())
	written.SetName(a.source.GetName())
	if err := write(written, client.RawPatch(types.MergePatchType, data)); err != nil {
		return err
	}
	a.source.SetResourceVersion(written.GetResourceVersion())
	return nil
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
	this.source.SetResourceVersion(now.GetResourceVersion())
	return nil
}
