package controller

import (
	"cmp"
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// remove deletes the Secret of an object that wants none where Vault holds
// nothing.
func (r *Reconciler) remove(ctx context.Context, this *attempt, doors []*door) (*outcome, error) {
	if !this.secret.isGone() {
		if err := r.deleteVersion(ctx, this.secret.meta); err != nil {
			return outcomeOfWrite(err)
		}
	}
	r.remember(this, nil, doors)
	return &outcome{success: secretDeleted()}, nil
}

// removeFormer deletes the Secret that the object had under another name.
func (r *Reconciler) removeFormer(ctx context.Context, this *attempt) error {
	left := this.source.SyncStatus().Secret
	if left == nil {
		return nil
	}
	name := cmp.Or(left.Name, this.source.GetName())
	if name == this.source.SecretName() {
		return nil
	}
	former, err := secretMetadata(ctx, r.Live, types.NamespacedName{Namespace: this.source.GetNamespace(), Name: name})
	if err != nil || former == nil || former.UID != left.UID || !metav1.IsControlledBy(former, this.source) {
		return err
	}
	return r.deleteVersion(ctx, former)
}

// deleteVersion deletes the Secret as it was seen.
func (r *Reconciler) deleteVersion(ctx context.Context, secret *metav1.PartialObjectMetadata) error {
	version := client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}
	err := r.Delete(ctx, secret, version, client.DisableReadYourWritesConsistency)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// held is an object that another controller of its dialect keeps from being
// deleted until it has let go of it.
type held interface {
	client.Object

	// Release takes that controller's hold off an object of Countersign's, and
	// reports whether there was one.
	Release(ours bool) bool
}

// letGo of an object that is on its way out: its Secret is the garbage
// collector's to delete.
func (r *Reconciler) letGo(ctx context.Context, before api.Synced) error {
	if _, isHeld := before.(held); !isHeld {
		return nil
	}
	ours, err := before.Ours(ctx, r.Around)
	if err != nil {
		return err
	}
	source := before.DeepCopyObject().(held) //nolint:forcetypeassert // A deep copy has the type of its original.
	if !source.Release(ours) {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	return client.IgnoreNotFound(r.Patch(ctx, source, patch, client.FieldOwner(FieldManager)))
}
