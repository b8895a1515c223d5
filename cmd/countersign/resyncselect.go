package main

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// selection says which ExternalSecrets are meant: those for which all of it
// holds.
type selection struct {
	names []string
	// namespace is empty for all.
	namespace string
	labels    labels.Selector
	// path is a pattern; empty is any.
	path string
	// role is empty for any.
	role string
	// defaults are the operator's; they fill in what an object leaves out.
	defaults api.Defaults
}

// matches looks at what the object asks. One of another backend asks nothing.
func (s *selection) matches(source api.Source) bool {
	claim := source.Claim(s.defaults)
	switch {
	case claim == nil, !s.labels.Matches(labels.Set(source.GetLabels())):
		return false
	case s.role != "" && claim.Role != s.role:
		return false
	case s.path == "":
		return true
	}
	return slices.ContainsFunc(claim.Reads, func(read policy.Read) bool {
		return policy.MatchesPattern(s.path, read.Path, claim.Namespace)
	})
}

// target is an ExternalSecret that is to be read again.
type target struct {
	dialect dialect
	source  api.Source
}

func (t target) String() string {
	return fmt.Sprintf("%s %s/%s", t.dialect.kind.Kind, t.source.GetNamespace(), t.source.GetName())
}

func (c *cluster) targets(ctx context.Context, chosen *selection) ([]target, error) {
	if len(chosen.names) > 0 {
		return c.named(ctx, chosen)
	}
	var targets []target
	for _, one := range dialects() {
		err := c.each(ctx, chosen.namespace, one.newList, func(item runtime.Object) {
			if source, ok := item.(api.Source); ok && chosen.matches(source) {
				targets = append(targets, target{one, source})
			}
		})
		if apierrors.IsForbidden(err) && chosen.namespace == "" {
			return nil, fmt.Errorf("%w; limit it to a namespace with -n", err)
		}
		if err != nil {
			return nil, err
		}
	}
	return targets, nil
}

// named needs no right to list. One that is missing stops the whole.
func (c *cluster) named(ctx context.Context, chosen *selection) ([]target, error) {
	var targets []target
	for _, name := range chosen.names {
		found := len(targets)
		for _, one := range dialects() {
			source := one.newObject()
			err := c.client.Get(ctx, client.ObjectKey{Namespace: chosen.namespace, Name: name}, source)
			if client.IgnoreNotFound(err) != nil {
				return nil, err
			}
			if err == nil && chosen.matches(source) {
				targets = append(targets, target{one, source})
			}
		}
		if len(targets) == found {
			return nil, fmt.Errorf("namespace %s has no ExternalSecret %s of the vault backend; nothing was annotated", chosen.namespace, name)
		}
	}
	return targets, nil
}
