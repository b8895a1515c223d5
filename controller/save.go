package controller

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	status, annotations := this.changes()
	var err error
	if status {
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
func (a *attempt) changes() (status, annotations bool) {
	if maps.Equal(a.source.GetAnnotations(), a.before.GetAnnotations()) {
		return true, false
	}
	return !reflect.DeepEqual(a.source.WholeStatus(), a.before.WholeStatus()), true
}

// patch leaves the part out that does not belong there: the apiserver does. What
// it answers goes into written.
func (a *attempt) patch(written client.Object, write func(client.Object, client.Patch) error) error {
	data, err := a.difference()
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

// difference is on the condition that the version of the object is still the one
// that was looked at. The spec is the users': it is not encoded to find it equal.
func (a *attempt) difference() ([]byte, error) {
	before, err := json.Marshal(writable(a.before, ""))
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(writable(a.source, a.source.GetResourceVersion()))
	if err != nil {
		return nil, err
	}
	return jsonpatch.CreateMergePatch(before, after)
}

// writable is what a save may change.
func writable(object api.Synced, version string) any {
	return map[string]any{
		"metadata": metav1.ObjectMeta{Annotations: object.GetAnnotations(), ResourceVersion: version},
		"status":   object.WholeStatus(),
	}
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
