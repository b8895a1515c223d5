package stores

import (
	"context"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// Store is one of ESO's.
type Store interface {
	api.Guarded
	// IsOurs reports whether Countersign syncs what refers to it.
	IsOurs(api.Operator) bool
	// Report writes whether it can be used; an empty message is that it can.
	Report(at metav1.Time, message string)
}

// Reconciler tells it of stores of one kind.
type Reconciler struct {
	// Client reads from the cache.
	client.Client
	// New makes an empty store, and NewList an empty list.
	New     func() Store
	NewList func() client.ObjectList
	// Judge asks the policy in force, with objects from the cache.
	Judge *config.GuardedJudge
	Clock clock.PassiveClock
}

// Reconcile brings one store's status up to date.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	store := r.New()
	if err := r.Get(ctx, request.NamespacedName, store); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	// The first policy enqueues everything.
	if r.Judge.Policy() == nil || !store.IsOurs(r.Judge.Operator) {
		return reconcile.Result{}, nil
	}
	verdict, err := r.Judge.Evaluate(ctx, store)
	if err != nil {
		return reconcile.Result{}, err
	}
	before := store.DeepCopyObject().(Store) //nolint:forcetypeassert // A deep copy has the type of its original.
	store.Report(metav1.NewTime(r.Clock.Now()), problems(store, verdict))
	if reflect.DeepEqual(store, before) {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, client.IgnoreNotFound(r.Status().Patch(ctx, store, client.MergeFrom(before)))
}

// problems are why nothing can be synced from the store; empty where it can.
func problems(store Store, verdict *policy.Verdict) string {
	denials := verdict.Denials()
	if at := store.OtherProvider(); at != nil {
		denials = append(denials, field.Forbidden(at, "Countersign syncs from Vault only; leave this store to External Secrets Operator"))
	}
	var messages []string
	for _, denial := range denials {
		messages = append(messages, denial.Error())
	}
	return strings.Join(messages, "; ")
}

// SetupWithManager has the reconciler follow the stores and the policy.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, name string, policyChanged <-chan event.GenericEvent) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named(name).
		For(r.New(), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Channel(policyChanged, handler.EnqueueRequestsFromMapFunc(r.all))).
		Complete(r)
}

func (r *Reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	var requests []reconcile.Request
	list := r.NewList()
	if err := r.List(ctx, list); err != nil {
		return nil
	}
	_ = api.EachItem(list, func(store Store) {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(store)})
	})
	return requests
}
