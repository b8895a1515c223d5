package controller

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// apply writes the Secret by server-side apply, on the condition that it still
// is the one that stood there when Vault was read.
func (r *Reconciler) apply(ctx context.Context, source api.Source, secret *standing, content *api.Content) (*api.SecretState, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(secretApply(source, secret, content))
	if err != nil {
		return nil, err
	}
	applied := &unstructured.Unstructured{Object: fields}
	// Reading its own writes would start a cache of whole Secrets.
	err = r.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied),
		client.FieldOwner(FieldManager), client.ForceOwnership, client.DisableReadYourWritesConsistency)
	if err != nil {
		return nil, err
	}
	state := &api.SecretState{UID: applied.GetUID()}
	if entry := ownEntry(applied.GetManagedFields()); entry != nil {
		state.AppliedAt, state.Keys = *entry.Time, dataKeys(entry)
	}
	return state, nil
}

func secretApply(source api.Source, secret *standing, content *api.Content) *corev1ac.SecretApplyConfiguration {
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
	if secret.isGone() {
		// A UID that no object has: if a Secret appears meanwhile, the apply
		// is refused instead of merged into it.
		return apply.WithUID(uuid.NewUUID())
	}
	return apply.WithUID(secret.meta.UID).WithResourceVersion(secret.meta.ResourceVersion)
}

func ownerReference(source api.Source) *metav1ac.OwnerReferenceApplyConfiguration {
	apiVersion, kind := source.GetObjectKind().GroupVersionKind().ToAPIVersionAndKind()
	return metav1ac.OwnerReference().
		WithAPIVersion(apiVersion).WithKind(kind).
		WithName(source.GetName()).WithUID(source.GetUID()).WithController(true)
}
