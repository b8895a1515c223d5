package controller

import (
	"context"
	"encoding/json"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/countersign/countersign/api"
)

// write applies the content, as often as it takes.
func (r *Reconciler) write(ctx context.Context, source api.Source, secret *standing, content *api.Content) (*api.SecretState, error) {
	var state *api.SecretState
	write := func() (err error) {
		state, err = r.apply(ctx, source, secret, content)
		return err
	}
	return state, persist(ctx, write, func() error { return r.catchUpSecret(ctx, source, secret) })
}

// apply writes the Secret, on the condition that what stood there when Vault
// was read still does: nothing, or that very version.
func (r *Reconciler) apply(ctx context.Context, source api.Source, secret *standing, content *api.Content) (*api.SecretState, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(secretApply(source, content))
	if err != nil {
		return nil, err
	}
	wanted := &unstructured.Unstructured{Object: fields}
	var written *metav1.PartialObjectMetadata
	if secret.isGone() {
		written, err = r.create(ctx, source, wanted)
	} else {
		written, err = r.update(ctx, source, secret, wanted)
	}
	if err != nil {
		return nil, err
	}
	return stateOf(written), nil
}

// create is no apply: that would merge into a Secret that somebody else has
// created meanwhile.
func (r *Reconciler) create(ctx context.Context, source api.Source, wanted *unstructured.Unstructured) (*metav1.PartialObjectMetadata, error) {
	written := wanted.DeepCopy()
	err := r.Create(ctx, written, client.FieldOwner(FieldManager), client.DisableReadYourWritesConsistency)
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil, errOutdated
	case err != nil:
		return nil, err
	}
	created := metadataOf(written)
	// Later it would be a write where nothing else is new. The Secret is
	// complete: where this fails, its next change makes up for it.
	_ = r.takeOverFields(ctx, source, created)
	return created, nil
}

func (r *Reconciler) update(ctx context.Context, source api.Source, secret *standing, wanted *unstructured.Unstructured) (*metav1.PartialObjectMetadata, error) {
	if err := r.takeOverFields(ctx, source, secret.meta); err != nil {
		return nil, err
	}
	written := wanted.DeepCopy()
	written.SetUID(secret.meta.UID)
	written.SetResourceVersion(secret.meta.ResourceVersion)
	// Reading our own writes would start a cache of whole Secrets.
	err := r.Apply(ctx, client.ApplyConfigurationFromUnstructured(written),
		client.FieldOwner(FieldManager), client.ForceOwnership, client.DisableReadYourWritesConsistency)
	if why := unchangeable(err); why != "" {
		return r.recreate(ctx, source, secret, wanted, why)
	}
	return metadataOf(written), err
}

// takeOverFields turns what we own by creating the Secret, and what whoever made
// it for this object owns, into what we own by applying it, once in a Secret's
// life: only then does an apply remove what is asked for no more.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
func (r *Reconciler) takeOverFields(ctx context.Context, source api.Source, secret *metav1.PartialObjectMetadata) error {
	upgraded := secret.DeepCopy()
	if err := csaupgrade.UpgradeManagedFields(upgraded, formerManagers(source, secret), FieldManager); err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(secret.ManagedFields, upgraded.ManagedFields) {
		return nil
	}
	if err := trimToApplied(ownEntry(upgraded.ManagedFields)); err != nil {
		return err
	}
	patch, err := fieldsPatch(upgraded)
	if err != nil {
		return err
	}
	if err := r.Patch(ctx, upgraded, patch, client.FieldOwner(FieldManager), client.DisableReadYourWritesConsistency); err != nil {
		return err
	}
	*secret = *upgraded
	return nil
}

// fieldsPatch replaces the managedFields of this very version. A comparison of the
// whole metadata would come to the same.
func fieldsPatch(secret *metav1.PartialObjectMetadata) (client.Patch, error) {
	fields := metav1.ObjectMeta{ResourceVersion: secret.ResourceVersion, ManagedFields: secret.ManagedFields}
	data, err := json.Marshal(map[string]any{"metadata": fields})
	return client.RawPatch(types.MergePatchType, data), err
}

// trimToApplied leaves the leaves: whoever creates an object owns its maps as
// well, whoever applies it does not. The next apply finds nothing to write then.
func trimToApplied(entry *metav1.ManagedFieldsEntry) error {
	fields := &fieldpath.Set{}
	if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return err
	}
	trimmed, err := fields.Leaves().ToJSON()
	entry.FieldsV1 = metav1.NewFieldsV1(string(trimmed))
	return err
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

// metadataOf leaves the data behind.
func metadataOf(secret *unstructured.Unstructured) *metav1.PartialObjectMetadata {
	meta := apimeta.AsPartialObjectMetadata(secret)
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return meta
}

// stateOf is how the Secret was left.
func stateOf(secret *metav1.PartialObjectMetadata) *api.SecretState {
	state := &api.SecretState{UID: secret.UID}
	if entry := ownEntry(secret.ManagedFields); entry != nil {
		state.AppliedAt, state.Keys = *entry.Time, dataKeys(entry)
	}
	return state
}
