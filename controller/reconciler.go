package controller

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/tools/events"
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
	New func() api.Source
	// NewList makes an empty list of them.
	NewList func() client.ObjectList
	// Defaults fill what an object leaves out.
	Defaults api.Defaults
	// Judge asks the policy in force.
	Judge *config.Judge
	// Vaults are the configured ones.
	Vaults vault.Vaults
	// Clock is for statuses and retries.
	Clock clock.PassiveClock
	// Recorder tells users what became of their object.
	Recorder events.EventRecorder
	// ControllerID is the instance's name: only objects for it are synced.
	ControllerID string
	// ResyncInterval has every object read again in that time; 0 is never.
	ResyncInterval time.Duration
	// Workers is how many objects are synced at a time.
	Workers int
	// Restores remembers how often each Secret was restored of late.
	Restores *flowcontrol.Backoff
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
	if err := r.Get(ctx, request.NamespacedName, source); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	// Without a policy nothing can be judged; the first one enqueues everything.
	if r.Judge.Policy() == nil || source.Controller() != r.ControllerID || isPaused(source) {
		return reconcile.Result{}, nil
	}
	claim := source.Claim(r.Defaults)
	if claim == nil {
		return reconcile.Result{}, nil
	}
	before := source.DeepCopyObject().(api.Source) //nolint:forcetypeassert // A deep copy has the type of its original.
	began := r.Clock.Now()
	outcome, err := r.sync(ctx, source, claim)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.tell(ctx, source, outcome, r.Clock.Since(began))
	r.record(source, outcome)
	next := r.nextAttempt(source, outcome)
	switch err := r.patchStatus(ctx, source, before); {
	case errors.Is(err, errOutdated):
		// What was written has its own reconcile.
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, err
	}
	r.announce(source, before)
	return next, nil
}

// isPaused reports an object that is on its way out or suspended by its user.
func isPaused(source api.Source) bool {
	return !source.GetDeletionTimestamp().IsZero() || source.GetAnnotations()[api.Suspend] == "true"
}
