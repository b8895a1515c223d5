package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// workers is how many objects are synced at a time; the budget bounds what
// Vault sees of it.
const workers = 10

// SetupWithManager has the reconciler follow the objects, their Secrets, their
// namespaces and the policy.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, name string, policyChanged <-chan event.GenericEvent) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		For(r.New()).
		// A Secret has the name of its object, whoever owns it: one that stands
		// in the way matters as much as one that was deleted.
		Watches(&corev1.Secret{}, &handler.EnqueueRequestForObject{}, builder.OnlyMetadata).
		// Labels of a namespace are part of the verdict.
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.inNamespace), builder.OnlyMetadata,
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WatchesRawSource(source.Channel(policyChanged, handler.EnqueueRequestsFromMapFunc(r.everywhere))).
		Complete(r)
}

func (r *Reconciler) inNamespace(ctx context.Context, namespace client.Object) []reconcile.Request {
	return r.requests(ctx, client.InNamespace(namespace.GetName()))
}

func (r *Reconciler) everywhere(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.requests(ctx)
}

func (r *Reconciler) requests(ctx context.Context, options ...client.ListOption) []reconcile.Request {
	list := r.NewList()
	if err := r.List(ctx, list, options...); err != nil {
		log.FromContext(ctx).Error(err, "cannot list the objects to judge again")
		return nil
	}
	var requests []reconcile.Request
	_ = apimeta.EachListItem(list, func(item runtime.Object) error {
		if object, ok := item.(client.Object); ok {
			name := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
			requests = append(requests, reconcile.Request{NamespacedName: name})
		}
		return nil
	})
	return requests
}
