package config

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/countersign/countersign/api"
)

// surroundings are the objects that stand, one of them as it is about to be.
type surroundings struct {
	*GuardedJudge

	instead api.Guarded
}

// Surroundings are the objects that stand.
func (j *GuardedJudge) Surroundings() api.Surroundings { return surroundings{GuardedJudge: j} }

// Operator implements api.Surroundings.
func (s surroundings) Operator() api.Operator { return s.GuardedJudge.Operator }

// Find implements api.Surroundings.
func (s surroundings) Find(ctx context.Context, referent api.Referent) ([]api.Guarded, error) {
	found, err := s.standing(ctx, referent)
	if err != nil || s.instead == nil {
		return found, err
	}
	kind, err := apiutil.GVKForObject(s.instead, s.Scheme)
	if err != nil {
		return nil, err
	}
	if referent.Kind.GroupKind() == kind.GroupKind() {
		found = slices.DeleteFunc(found, func(one api.Guarded) bool {
			return one.GetNamespace() == s.instead.GetNamespace() && one.GetName() == s.instead.GetName()
		})
	}
	if referent.Means(kind, s.instead) {
		found = append(found, s.instead)
	}
	return found, nil
}

func (s surroundings) standing(ctx context.Context, referent api.Referent) ([]api.Guarded, error) {
	if referent.Name != "" {
		object, err := s.Get(ctx, referent.Kind, client.ObjectKey{Namespace: referent.Namespace, Name: referent.Name})
		if err != nil || object == nil {
			return nil, err
		}
		return []api.Guarded{object}, nil
	}
	selector, err := labels.Parse(referent.Labels)
	if err != nil {
		return nil, err
	}
	return s.List(ctx, referent.Kind, client.InNamespace(referent.Namespace), client.MatchingLabelsSelector{Selector: selector})
}

// Namespaces implements api.Surroundings.
func (s surroundings) Namespaces(ctx context.Context, selector labels.Selector) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "NamespaceList"})
	if err := s.Judge.Namespaces.List(ctx, list, client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		if name := list.Items[i].Name; len(s.Only) == 0 || slices.Contains(s.Only, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Dependents are the objects that refer to one: those of its namespace, or of
// all that count where it is of the whole cluster.
func (j *GuardedJudge) Dependents(ctx context.Context, kind schema.GroupVersionKind, object metav1.Object) ([]api.Guarded, error) {
	var dependents []api.Guarded
	for _, one := range j.ReferredBy[kind.GroupKind()] {
		for _, namespace := range j.namespacesOf(object) {
			found, err := j.List(ctx, one, client.InNamespace(namespace))
			if err != nil {
				return nil, err
			}
			for _, dependent := range found {
				if refersTo(dependent, kind, object) {
					dependents = append(dependents, dependent)
				}
			}
		}
	}
	return dependents, nil
}

func (j *GuardedJudge) namespacesOf(object metav1.Object) []string {
	if namespace := object.GetNamespace(); namespace != "" || len(j.Only) == 0 {
		return []string{namespace}
	}
	return j.Only
}

func refersTo(dependent api.Guarded, kind schema.GroupVersionKind, object metav1.Object) bool {
	for _, referent := range dependent.Refers() {
		if referent.Means(kind, object) {
			return true
		}
	}
	return false
}

// List is empty for a kind that the cluster does not have.
func (j *GuardedJudge) List(ctx context.Context, kind schema.GroupVersionKind, options ...client.ListOption) ([]api.Guarded, error) {
	listKind := kind.GroupVersion().WithKind(kind.Kind + "List")
	made, err := j.Scheme.New(listKind)
	if err != nil {
		return nil, err
	}
	list, ok := made.(client.ObjectList)
	if !ok {
		return nil, fmt.Errorf("%T is no list", made)
	}
	if err := j.Objects.List(ctx, list, options...); err != nil {
		return nil, IgnoreNoKind(err)
	}
	var objects []api.Guarded
	err = api.EachItem(list, func(object api.Guarded) { objects = append(objects, object) })
	return objects, err
}

// Get is nil for an object, or a kind, that is not there.
func (j *GuardedJudge) Get(ctx context.Context, kind schema.GroupVersionKind, key client.ObjectKey) (api.Guarded, error) {
	made, err := j.Scheme.New(kind)
	if err != nil {
		return nil, err
	}
	object, ok := made.(api.Guarded)
	if !ok {
		return nil, fmt.Errorf("%T is not guarded", made)
	}
	err = j.Objects.Get(ctx, key, object)
	if apierrors.IsNotFound(err) || err != nil && IgnoreNoKind(err) == nil {
		return nil, nil //nolint:nilnil // That there is none is the answer.
	}
	return object, err
}

// IgnoreNoKind leaves out the errors of a cluster without the CRD: it has no
// objects of it.
func IgnoreNoKind(err error) error {
	if apimeta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
