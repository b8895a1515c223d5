package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

// What is cached has what is read, and neither what kubectl last applied nor, of
// what is not a Secret, managedFields.
func TestCachedObjects(t *testing.T) {
	meta := func(entries ...metav1.ManagedFieldsEntry) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: "app", Annotations: map[string]string{"a": "b"}, ManagedFields: entries}
	}
	full := func() metav1.ObjectMeta {
		with := meta(metav1.ManagedFieldsEntry{Manager: "m"})
		with.Annotations[corev1.LastAppliedConfigAnnotation] = `{"data":{"password":"aHVudGVyMg=="}}`
		return with
	}
	spec := kesv1.ExternalSecretSpec{Data: append(make([]kesv1.DataItem, 0, 8), kesv1.DataItem{Name: "a"})}
	tests := map[string]struct {
		transform    toolscache.TransformFunc
		object, want any
	}{
		"Secret": {
			withoutLastApplied, &metav1.PartialObjectMetadata{ObjectMeta: full()},
			&metav1.PartialObjectMetadata{ObjectMeta: meta(metav1.ManagedFieldsEntry{Manager: "m"})},
		},
		"ExternalSecret":              {withoutManagedFields, &kesv1.ExternalSecret{ObjectMeta: full(), Spec: spec}, &kesv1.ExternalSecret{ObjectMeta: meta(), Spec: spec}},
		"deleted while nobody looked": {withoutManagedFields, toolscache.DeletedFinalStateUnknown{Key: "app"}, toolscache.DeletedFinalStateUnknown{Key: "app"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tc.transform(tc.object)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v: %s", err, diff)
			}
			if object, ok := got.(*kesv1.ExternalSecret); ok && cap(object.Spec.Data) != 1 {
				t.Errorf("a slice for %d", cap(object.Spec.Data))
			}
		})
	}
}
