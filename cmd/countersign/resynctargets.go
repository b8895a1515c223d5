package main

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/config"
)

// resyncKind is one whose objects can be had read again.
type resyncKind struct {
	kind      schema.GroupVersionKind
	newObject func() client.Object
	newList   func() client.ObjectList
	// newFollowed is for an object with its status.
	newFollowed func() client.Object
}

// resyncKinds are those that are synced here, and those whose controller syncs
// what was stamped.
func resyncKinds() []resyncKind {
	var all []resyncKind
	for _, one := range dialects() {
		newObject := func() client.Object { return one.newObject() }
		all = append(all, resyncKind{one.kind, newObject, one.newList, newObject})
	}
	eso := esov1.GroupVersion().WithKind(esov1.KindExternalSecret)
	return append(all, resyncKind{
		eso,
		func() client.Object { return &esov1.ExternalSecret{} }, func() client.ObjectList { return &esov1.ExternalSecretList{} },
		func() client.Object {
			followed := &unstructured.Unstructured{}
			followed.SetGroupVersionKind(eso)
			return followed
		},
	})
}

// target is an ExternalSecret that is to be read again.
type target struct {
	resyncKind
	obstacles

	object client.Object
}

func (t target) String() string {
	return fmt.Sprintf("%s %s", shownKind(t.kind), client.ObjectKeyFromObject(t.object))
}

// targets are those that a selection finds.
type targets struct {
	all []target
	// forbidden are kinds that the user may not see.
	forbidden []error
}

// targets are of every kind that the cluster has. It is an error where there is
// none.
func (c *cluster) targets(ctx context.Context, chosen *selection) (*targets, error) {
	find := c.listed
	if len(chosen.names) > 0 {
		find = c.named
	}
	found, err := find(ctx, chosen)
	switch {
	case err != nil:
		return nil, err
	case len(found.all) == 0 && len(found.forbidden) > 0:
		return nil, errors.Join(found.forbidden...)
	case len(found.all) == 0:
		return nil, errors.New("no ExternalSecret of the vault backend is selected; nothing was annotated")
	}
	return found, nil
}

func (c *cluster) listed(ctx context.Context, chosen *selection) (*targets, error) {
	found := &targets{}
	for _, one := range resyncKinds() {
		err := c.each(ctx, chosen.namespace, one.newList, func(item runtime.Object) error {
			object, ok := item.(client.Object)
			if !ok {
				return fmt.Errorf("%T is no object", item)
			}
			return found.add(ctx, chosen, target{resyncKind: one, object: object})
		})
		switch {
		case config.IgnoreNoKind(err) == nil:
		case !apierrors.IsForbidden(err):
			return nil, err
		case chosen.namespace == "":
			return nil, fmt.Errorf("%w; limit it to a namespace with -n", err)
		default:
			found.forbidden = append(found.forbidden, err)
		}
	}
	return found, nil
}

// named needs no right to list. One that is missing stops the whole.
func (c *cluster) named(ctx context.Context, chosen *selection) (*targets, error) {
	found := &targets{}
	for _, name := range chosen.names {
		before := len(found.all)
		var forbidden []error
		for _, one := range resyncKinds() {
			object := one.newObject()
			err := c.client.Get(ctx, client.ObjectKey{Namespace: chosen.namespace, Name: name}, object)
			if err == nil {
				err = found.add(ctx, chosen, target{resyncKind: one, object: object})
			}
			switch {
			case apierrors.IsForbidden(err):
				forbidden = append(forbidden, err)
			case config.IgnoreNoKind(err) != nil:
				return nil, err
			}
		}
		if len(found.all) == before {
			missing := fmt.Errorf("namespace %s has no ExternalSecret %s of the vault backend; nothing was annotated", chosen.namespace, name)
			return nil, errors.Join(append(forbidden, missing)...)
		}
		found.forbidden = append(found.forbidden, forbidden...)
	}
	return found, nil
}

func (t *targets) add(ctx context.Context, chosen *selection, one target) error {
	matches, err := chosen.matches(ctx, one.object)
	if matches {
		one.obstacles = chosen.obstacles(ctx, one.object)
		t.all = append(t.all, one)
	}
	return err
}
