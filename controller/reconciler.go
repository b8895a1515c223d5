package controller

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller/vault"
)

// FieldManager owns what Countersign applies.
const FieldManager = "countersign"

// Reconciler syncs the objects of one dialect.
type Reconciler struct {
	// Client reads from the cache, and sees its own writes there.
	client.Client
	// Live reads from the apiserver.
	Live client.Reader
	// New makes an empty object of the dialect.
	New func() api.Synced
	// NewList makes an empty list of them.
	NewList func() client.ObjectList
	// Around is what plans are made with.
	Around api.Surroundings
	// Data reads Secrets and ConfigMaps that templates name.
	Data func(context.Context, api.DataRef) (map[string][]byte, error)
	// Judge asks the policy in force.
	Judge *config.Judge
	// Vaults are the configured ones.
	Vaults vault.Vaults
	// Clock is for statuses and retries.
	Clock clock.PassiveClock
	// Events tell users.
	Events *EventWriter
	// ResyncInterval has every object read again in that time; 0 is never.
	ResyncInterval time.Duration
	// Workers is how many objects are synced at a time.
	Workers int
	// Restores remembers how often each Secret was restored of late.
	Restores *flowcontrol.Backoff
	// NamesSecrets: objects may give their Secret another name than their own.
	NamesSecrets bool
	// Referred are the kinds that objects refer to, and Referring finds those
	// that refer to one.
	Referred  []client.Object
	Referring func(context.Context, client.Object) ([]reconcile.Request, error)
	// Metrics count the syncs.
	Metrics *Metrics
}

// NewRestores is the backoff of restoring one Secret again and again.
func NewRestores(c clock.Clock) *flowcontrol.Backoff {
	return flowcontrol.NewFakeBackOff(firstRestore, lastRestore, c)
}

const (
	firstRestore = time.Second
	lastRestore  = 10 * time.Minute
)

// Reconcile brings one object's Secret up to date.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	source := r.New()
	if err := r.look(ctx, request.NamespacedName, source); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	this, err := r.plan(ctx, source)
	if this == nil || err != nil {
		return reconcile.Result{}, err
	}
	began := r.Clock.Now()
	outcome, err := r.sync(ctx, this)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.tell(ctx, this, outcome, r.Clock.Since(began))
	r.record(this, outcome)
	next := r.nextAttempt(this, outcome)
	switch err := r.save(ctx, this); {
	case errors.Is(err, errOutdated):
		// What was written has its own reconcile.
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, err
	}
	r.announce(ctx, this)
	return next, nil
}

// look gets what the cache holds itself: nothing of it may be changed. What is not
// copied has no kind of its own.
func (r *Reconciler) look(ctx context.Context, key client.ObjectKey, object api.Synced) error {
	if err := r.Get(ctx, key, object, &client.GetOptions{UnsafeDisableDeepCopy: new(true)}); err != nil {
		return err
	}
	kind, err := r.GroupVersionKindFor(object)
	object.GetObjectKind().SetGroupVersionKind(kind)
	return err
}

// isPaused reports an object that is on its way out or suspended by its user.
func isPaused(source api.Synced) bool {
	return !source.GetDeletionTimestamp().IsZero() || source.GetAnnotations()[api.Suspend] == "true"
}
