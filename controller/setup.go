package controller

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/controller/fairqueue"
	"github.com/countersign/countersign/controller/vault"
)

// DefaultWorkers is how many objects are synced at a time. Most of them wait, for
// the budget or for Vault's answer; the budget bounds what Vault sees.
const DefaultWorkers = 48

// Triggers have objects looked at again that nobody has changed.
type Triggers struct {
	// PolicyChanged is for all of them.
	PolicyChanged <-chan event.GenericEvent
	// VaultBack is for those that wait for a Vault.
	VaultBack <-chan event.GenericEvent
}

// SetupWithManager has the reconciler follow the objects, their Secrets, their
// namespaces and the policy.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager, name string, triggers Triggers, registry prometheus.Registerer) error {
	secrets, err := r.secretEvents(ctx, mgr)
	if err != nil {
		return err
	}
	for _, beside := range []manager.Runnable{r.serveReadiness(name, registry), manager.RunnableFunc(r.forgetRestores), r.Events} {
		if err := mgr.Add(beside); err != nil {
			return err
		}
	}
	build := ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Workers, NewQueue: newQueue(r.Workers, registry)}).
		For(r.New()).
		Watches(&corev1.Secret{}, secrets, builder.OnlyMetadata).
		// Labels of a namespace are part of the verdict.
		Watches(&corev1.Namespace{}, toBacklog(r.inNamespace), builder.OnlyMetadata,
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WatchesRawSource(source.Channel(triggers.PolicyChanged, toBacklog(r.everywhere))).
		WatchesRawSource(source.Channel(triggers.VaultBack, toBacklog(r.waiting)))
	for _, referred := range r.Referred {
		build = build.Watches(referred, r.toReferring(), builder.WithPredicates(predicate.GenerationChangedPredicate{}))
	}
	return build.Complete(r)
}

// secretName is the index of objects by the name of their Secret.
const secretName = "countersign.dev/secretName"

// secretEvents are for the object whose Secret it is, whoever owns it: one that
// stands in the way matters as much as one that was deleted.
func (r *Reconciler) secretEvents(ctx context.Context, mgr ctrl.Manager) (handler.EventHandler, error) {
	if !r.NamesSecrets {
		return &handler.EnqueueRequestForObject{}, nil
	}
	err := mgr.GetFieldIndexer().IndexField(ctx, r.New(), secretName, func(object client.Object) []string {
		return []string{object.(api.Synced).SecretName()} //nolint:forcetypeassert // The index is of such objects.
	})
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, secret client.Object) []reconcile.Request {
		return r.requests(ctx, all, client.InNamespace(secret.GetNamespace()), client.MatchingFields{secretName: secret.GetName()})
	}), err
}

// toReferring enqueues the objects that refer to another one, behind what users
// have just changed.
func (r *Reconciler) toReferring() handler.EventHandler {
	enqueue := func(ctx context.Context, object client.Object, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		keys, err := r.Referring(ctx, object)
		if err != nil {
			log.FromContext(ctx).Error(err, "cannot list the objects that refer to another", "name", object.GetName())
			return
		}
		toLater(queue, keys)
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(ctx, e.Object, queue)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(ctx, e.ObjectNew, queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(ctx, e.Object, queue)
		},
	}
}

func toLater(queue workqueue.TypedRateLimitingInterface[reconcile.Request], requests []reconcile.Request) {
	if fair, ok := queue.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		fair.AddWithOpts(priorityqueue.AddOpts{Priority: new(backlog)}, requests...)
	}
}

// forgetRestores drops what is known of Secrets that have been left alone since.
func (r *Reconciler) forgetRestores(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(context.Context) { r.Restores.GC() }, lastRestore)
	return nil
}

// newQueue is called when the controller starts.
func newQueue(workers int, registry prometheus.Registerer) func(string, workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
		queue := fairqueue.New(name, workers, limiter, clock.RealClock{})
		registry.MustRegister(queue)
		return queue
	}
}

// toBacklog enqueues behind what users have just changed.
func toBacklog(list func(context.Context, client.Object) []reconcile.Request) handler.EventHandler {
	enqueue := func(ctx context.Context, object client.Object, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		toLater(queue, list(ctx, object))
	}
	return handler.Funcs{
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(ctx, e.ObjectNew, queue)
		},
		GenericFunc: func(ctx context.Context, e event.GenericEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			enqueue(ctx, e.Object, queue)
		},
	}
}

func (r *Reconciler) inNamespace(ctx context.Context, namespace client.Object) []reconcile.Request {
	return r.requests(ctx, all, client.InNamespace(namespace.GetName()))
}

func (r *Reconciler) everywhere(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.requests(ctx, all)
}

// waiting are those that wait for a Vault that was away.
func (r *Reconciler) waiting(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.requests(ctx, func(source api.Synced) bool {
		retry := source.SyncStatus().Retry
		return retry != nil && retry.Reason == string(vault.ReasonUnavailable)
	})
}

func all(api.Synced) bool { return true }

func (r *Reconciler) requests(ctx context.Context, wanted func(api.Synced) bool, options ...client.ListOption) []reconcile.Request {
	var requests []reconcile.Request
	r.each(ctx, func(source api.Synced) {
		if wanted(source) {
			requests = append(requests, reconcile.Request{NamespacedName: keyOf(source)})
		}
	}, options...)
	return requests
}

// each visits the objects in the cache.
func (r *Reconciler) each(ctx context.Context, visit func(api.Synced), options ...client.ListOption) {
	list := r.NewList()
	err := r.List(ctx, list, options...)
	if err == nil {
		err = api.EachItem(list, visit)
	}
	if err != nil {
		log.FromContext(ctx).Error(err, "cannot list the objects")
	}
}
