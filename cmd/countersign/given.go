package main

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/countersign/countersign/api"
)

// givenObject is a guarded object of a manifest.
type givenObject struct {
	api.Guarded

	kind schema.GroupVersionKind
}

// given are the objects of manifests, each in place of the one that stands.
type given struct {
	objects  []givenObject
	labels   namespaceLabels
	operator api.Operator
	// standing is nil offline.
	standing api.Surroundings
	missing  []string
}

// Operator implements api.Surroundings.
func (g *given) Operator() api.Operator {
	if g.standing != nil {
		return g.standing.Operator()
	}
	return g.operator
}

// Find implements api.Surroundings.
func (g *given) Find(ctx context.Context, to api.Referent) ([]api.Guarded, error) {
	var found []api.Guarded
	if g.standing != nil {
		standing, err := g.standing.Find(ctx, to)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(standing, func(one api.Guarded) bool { return g.replaces(to.Kind, one) })
	}
	for _, one := range g.objects {
		if to.Means(one.kind, one) {
			found = append(found, one.Guarded)
		}
	}
	if len(found) == 0 {
		g.miss(describeReferent(to) + " is not there; what is asked by way of it is not judged")
	}
	return found, nil
}

func (g *given) replaces(kind schema.GroupVersionKind, standing api.Guarded) bool {
	return slices.ContainsFunc(g.objects, func(one givenObject) bool {
		return one.kind == kind && one.GetNamespace() == standing.GetNamespace() && one.GetName() == standing.GetName()
	})
}

// Namespaces implements api.Surroundings.
func (g *given) Namespaces(ctx context.Context, selector labels.Selector) ([]string, error) {
	if g.standing != nil {
		return g.standing.Namespaces(ctx, selector)
	}
	var names []string
	for name := range g.labels {
		if selector.Matches(labels.Set(g.labels.of(name))) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		g.miss(fmt.Sprintf("no Namespace of labels %q is there; what is asked in such is not judged", selector))
	}
	return names, nil
}

func (g *given) miss(what string) {
	if !slices.Contains(g.missing, what) {
		g.missing = append(g.missing, what)
	}
}

func describeReferent(to api.Referent) string {
	o := object{kind: to.Kind, namespace: to.Namespace, name: to.Name}
	if to.Name == "" {
		o.name = fmt.Sprintf("of labels %q", to.Labels)
	}
	return o.String()
}
