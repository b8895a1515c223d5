package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// A cache holds objects for as long as they live, so they are put into it without
// what nobody reads: what kubectl last applied is all of the object once more,
// and of a Secret its values.
func withoutLastApplied(object any) (any, error) {
	if found, err := meta.Accessor(object); err == nil {
		delete(found.GetAnnotations(), corev1.LastAppliedConfigAnnotation)
	}
	return object, nil
}

// withoutManagedFields leaves those out as well. The copy is as long as what it
// holds: a decoder makes slices longer.
func withoutManagedFields(object any) (any, error) {
	stripped, err := cache.TransformStripManagedFields()(object)
	if err != nil {
		return nil, err
	}
	if stripped, err = withoutLastApplied(stripped); err != nil {
		return nil, err
	}
	if whole, ok := stripped.(runtime.Object); ok {
		return whole.DeepCopyObject(), nil
	}
	return stripped, nil
}
