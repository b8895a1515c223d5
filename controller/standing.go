package controller

import (
	"context"
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// standing is the Secret that stands at the object's name, by its metadata;
// the data of Secrets is never read.
type standing struct{ meta *metav1.PartialObjectMetadata }

func (s *standing) isGone() bool { return s.meta == nil }

// isTampered reports whether somebody else has changed data that we applied:
// our entry in managedFields is gone, is not the one that was left, or lost a
// key. Foreign labels and foreign keys are nobody's business.
func (s *standing) isTampered(left *api.SecretState) bool {
	if left == nil || s.isGone() {
		return false
	}
	entry := ownEntry(s.meta.ManagedFields)
	return entry == nil || s.meta.UID != left.UID ||
		!entry.Time.Equal(&left.AppliedAt) || dataKeys(entry) < left.Keys
}

// standing looks in the cache. When that says anything but "as it was left",
// the apiserver is asked: the cache may not have seen our own last write.
func (r *Reconciler) standing(ctx context.Context, source api.Source) (*standing, error) {
	cached, err := secretMetadata(ctx, r.Client, source)
	if err != nil {
		return nil, err
	}
	left := source.SyncStatus().Secret
	if left == nil || !cached.isGone() && !cached.isTampered(left) {
		return cached, nil
	}
	return secretMetadata(ctx, r.Live, source)
}

// isEnding reports a namespace that is being deleted: nothing can be created in
// it, and all that is in it goes.
func (r *Reconciler) isEnding(ctx context.Context, name string) (bool, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := r.Get(ctx, client.ObjectKey{Name: name}, namespace)
	return !namespace.GetDeletionTimestamp().IsZero(), client.IgnoreNotFound(err)
}

func secretMetadata(ctx context.Context, reader client.Reader, source api.Source) (*standing, error) {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := reader.Get(ctx, keyOf(source), meta)
	if apierrors.IsNotFound(err) {
		return &standing{}, nil
	}
	return &standing{meta: meta}, err
}

// ownEntry is what we own of a Secret, by server-side apply or, before its
// first change, by having created it.
func ownEntry(entries []metav1.ManagedFieldsEntry) *metav1.ManagedFieldsEntry {
	for i := range entries {
		if entries[i].Manager == FieldManager && entries[i].Subresource == "" {
			return &entries[i]
		}
	}
	return nil
}

// dataKeys counts the keys under f:data of an entry.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
func dataKeys(entry *metav1.ManagedFieldsEntry) int32 {
	var fields struct {
		Data map[string]json.RawMessage `json:"f:data"`
	}
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return 0
	}
	var keys int32
	for name := range fields.Data {
		if strings.HasPrefix(name, "f:") {
			keys++
		}
	}
	return keys
}
