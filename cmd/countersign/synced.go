package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/config"
)

// syncedKind is one whose objects Countersign makes Secrets for.
type syncedKind struct {
	kind      schema.GroupVersionKind
	newObject func() api.Synced
	newList   func() client.ObjectList
	// namesSecrets: its objects may give their Secret another name.
	namesSecrets bool
	// referred are the kinds whose objects they refer to. The cluster may not
	// have them, nor the kind itself: they are another controller's.
	referred []client.Object
}

// synced are the kinds that the operator has switched on.
func synced(settings *config.Settings) []syncedKind {
	var all []syncedKind
	for _, one := range enabled(settings) {
		all = append(all, syncedKind{kind: one.kind, newObject: func() api.Synced { return one.newObject() }, newList: one.newList})
	}
	if settings.SyncsESO() {
		all = append(all, syncedKind{
			kind:      esov1.GroupVersion().WithKind(esov1.KindExternalSecret),
			newObject: func() api.Synced { return &esov1.ExternalSecret{} }, newList: func() client.ObjectList { return &esov1.ExternalSecretList{} },
			namesSecrets: true, referred: []client.Object{&esov1.SecretStore{}, &esov1.ClusterSecretStore{}},
		})
	}
	return all
}

// name is of the kind's controller, in logs and metrics.
func (k syncedKind) name() string { return controllerOf(k.kind) }

// isOurs holds for a kind whose CRD comes with Countersign.
func (k syncedKind) isOurs() bool { return len(k.referred) == 0 }

// referring are the objects of the kind that refer to another one.
func (k syncedKind) referring(judge *config.GuardedJudge) func(context.Context, client.Object) ([]reconcile.Request, error) {
	return func(ctx context.Context, object client.Object) ([]reconcile.Request, error) {
		kind, err := judge.KindOf(object)
		if err != nil {
			return nil, err
		}
		found, err := judge.Dependents(ctx, kind, object)
		var requests []reconcile.Request
		for _, one := range found {
			if _, isSynced := one.(api.Synced); isSynced {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(one)})
			}
		}
		if err != nil {
			return nil, fmt.Errorf("dependents of %s: %w", object.GetName(), err)
		}
		return requests, nil
	}
}
