package controller

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// apply writes the Secret, on the condition that what stood there when Vault
// was read still does: nothing, or that very version.
func (r *Reconciler) apply(ctx context.Context, source api.Source, secret *standing, content *api.Content) (*api.SecretState, error) {
	apply := secretApply(source, content)
	write := r.create
	if !secret.isGone() {
		if err := r.takeOverFields(ctx, secret); err != nil {
			return nil, err
		}
		apply.WithUID(secret.meta.UID).WithResourceVersion(secret.meta.ResourceVersion)
		write = r.serverSideApply
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(apply)
	if err != nil {
		return nil, err
	}
	written := &unstructured.Unstructured{Object: fields}
	if err := write(ctx, written); err != nil {
		return nil, err
	}
	state := &api.SecretState{UID: written.GetUID()}
	if entry := ownEntry(written.GetManagedFields()); entry != nil {
		state.AppliedAt, state.Keys = *entry.Time, dataKeys(entry)
	}
	return state, nil
}

// create is no apply: that would merge into a Secret that somebody else has
// created meanwhile.
func (r *Reconciler) create(ctx context.Context, secret *unstructured.Unstructured) error {
	return r.Create(ctx, secret, client.FieldOwner(FieldManager), client.DisableReadYourWritesConsistency)
}

// serverSideApply opts out of reading its own writes, which would start a
// cache of whole Secrets.
func (r *Reconciler) serverSideApply(ctx context.Context, secret *unstructured.Unstructured) error {
	return r.Apply(ctx, client.ApplyConfigurationFromUnstructured(secret),
		client.FieldOwner(FieldManager), client.ForceOwnership, client.DisableReadYourWritesConsistency)
}

// takeOverFields turns what we own by creating the Secret into what we own by
// applying it, once in a Secret's life: only then does an apply remove a key
// that is asked for no more.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
func (r *Reconciler) takeOverFields(ctx context.Context, secret *standing) error {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(secret.meta, sets.New(FieldManager), FieldManager)
	if err != nil || len(patch) == 0 {
		return err
	}
	return r.Patch(ctx, secret.meta, client.RawPatch(types.JSONPatchType, patch), client.DisableReadYourWritesConsistency)
}

func secretApply(source api.Source, content *api.Content) *corev1ac.SecretApplyConfiguration {
	labels := map[string]string{}
	maps.Copy(labels, content.Labels)
	labels[managedByLabel] = managedBy
	apply := corev1ac.Secret(source.GetName(), source.GetNamespace()).
		WithLabels(labels).
		WithAnnotations(content.Annotations).
		WithOwnerReferences(ownerReference(source)).
		WithType(corev1.SecretType(content.Type)).
		WithData(content.Data)
	if content.Immutable != nil {
		apply.WithImmutable(*content.Immutable)
	}
	return apply
}

func ownerReference(source api.Source) *metav1ac.OwnerReferenceApplyConfiguration {
	apiVersion, kind := source.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	return metav1ac.OwnerReference().
		WithAPIVersion(apiVersion).WithKind(kind).
		WithName(source.GetName()).WithUID(source.GetUID()).WithController(true)
}
