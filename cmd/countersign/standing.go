package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

// subjects are the objects that stand in a namespace, or all of them with an
// empty name, of the dialects that the operator has switched on.
func (s *scene) subjects(ctx context.Context, namespace string) (*subjects, error) {
	objects, err := s.synced(ctx, namespace)
	if err != nil {
		return nil, err
	}
	guarded, err := s.guarded(ctx, namespace)
	if err != nil {
		return nil, err
	}
	all := &subjects{objects: append(objects, guarded...)}
	if namespace != "" {
		all.labels, err = s.cluster.labels(ctx, namespace)
	} else {
		all.labels, err = s.cluster.allLabels(ctx)
	}
	return all, err
}

func (s *scene) synced(ctx context.Context, namespace string) ([]object, error) {
	var objects []object
	for _, one := range enabled(s.settings) {
		err := s.cluster.each(ctx, namespace, one.newList, func(item runtime.Object) error {
			if source, ok := item.(api.Source); ok {
				if o := newObject(one.kind, source, nil, s.settings); o != nil {
					objects = append(objects, *o)
				}
			}
			return nil
		})
		if config.IgnoreNoKind(err) != nil {
			return nil, fmt.Errorf("%s: %w", shownKind(one.kind), err)
		}
	}
	return objects, nil
}

// guarded leaves out what asks nothing of Vault, and of one namespace alone
// what is of the whole cluster.
func (s *scene) guarded(ctx context.Context, namespace string) ([]object, error) {
	judge, err := s.guardedJudge(ctx)
	if err != nil {
		return nil, err
	}
	around := api.Remember(judge.Surroundings())
	var objects []object
	for _, one := range guarded(s.settings) {
		if one.cluster && namespace != "" {
			continue
		}
		standing, err := judge.List(ctx, one.kind, client.InNamespace(namespace))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", shownKind(one.kind), err)
		}
		for _, object := range standing {
			claims, err := s.settings.OtherBackends.Claims(ctx, object, around)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", shownKind(one.kind), client.ObjectKeyFromObject(object), err)
			}
			if len(claims) > 0 {
				objects = append(objects, newGuardedObject(one.kind, object, claims))
			}
		}
	}
	return objects, nil
}
