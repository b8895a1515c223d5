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

// standing is the Secret that stands where the object wants its own, by its
// metadata; the data of Secrets is never read.
type standing struct {
	meta *metav1.PartialObjectMetadata
	// manager is who owns what is written of it.
	manager string
}

// entry is what we own of it.
func (s *standing) entry() *metav1.ManagedFieldsEntry {
	return entryOf(s.meta.ManagedFields, s.manager)
}

func (s *standing) isGone() bool { return s.meta == nil }

// isTampered reports whether somebody else has changed data that we applied:
// our entry in managedFields is gone, is not the one that was left, or lost a
// key. Foreign labels and foreign keys are nobody's business.
func (s *standing) isTampered(left *api.SecretState) bool {
	if left == nil || s.isGone() {
		return false
	}
	entry := s.entry()
	return entry == nil || s.meta.UID != left.UID ||
		!entry.Time.Equal(&left.AppliedAt) || dataKeys(entry) < left.Keys
}

// standing looks in the cache. When that says anything but "as it was left",
// the apiserver is asked: the cache may not have seen our own last write.
func (r *Reconciler) standing(ctx context.Context, this *attempt) (*standing, error) {
	cached, err := standingIn(ctx, r.Client, this)
	if err != nil {
		return nil, err
	}
	left := this.source.SyncStatus().Secret
	if left == nil || !cached.isGone() && !cached.isTampered(left) {
		return cached, nil
	}
	return standingIn(ctx, r.Live, this)
}

func standingIn(ctx context.Context, reader client.Reader, this *attempt) (*standing, error) {
	meta, err := secretMetadata(ctx, reader, this.secretKey())
	return &standing{meta: meta, manager: this.manager()}, err
}

// isEnding reports a namespace that is being deleted: nothing can be created in
// it, and all that is in it goes.
func (r *Reconciler) isEnding(ctx context.Context, name string) (bool, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := r.Get(ctx, client.ObjectKey{Name: name}, namespace)
	return !namespace.GetDeletionTimestamp().IsZero(), client.IgnoreNotFound(err)
}

// secretMetadata is nil where there is none.
func secretMetadata(ctx context.Context, reader client.Reader, key client.ObjectKey) (*metav1.PartialObjectMetadata, error) {
	meta := secretNamed(key)
	err := reader.Get(ctx, key, meta)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // That there is none is the answer.
	}
	return meta, err
}

func secretNamed(key client.ObjectKey) *metav1.PartialObjectMetadata {
	meta := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return meta
}

// entryOf is what a manager owns of a Secret, by server-side apply or, before
// its first change, by having created it.
func entryOf(entries []metav1.ManagedFieldsEntry, manager string) *metav1.ManagedFieldsEntry {
	for i := range entries {
		if entries[i].Manager == manager && entries[i].Subresource == "" {
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
