package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/controller/vault"
)

const (
	// lookInterval is how often the followed objects are looked at.
	lookInterval = 250 * time.Millisecond
	// settled is when a failure that is not tried again by itself counts, though
	// it may have stood there before: the controller looks within two seconds.
	settled = 10 * time.Second
)

var errLate = errors.New("late")

// wait tells what becomes of each object, and gives up after the timeout.
func (r *resync) wait(ctx context.Context, targets []target, namespace string, timeout time.Duration) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errLate)
	defer cancel()
	objects, err := r.cluster.follow(ctx, namespace, stop)
	if err != nil {
		return err
	}
	started := time.Now()
	for {
		targets = slices.DeleteFunc(targets, func(one target) bool { return r.isKnown(ctx, objects, one, time.Since(started)) })
		r.teller.progress("answered", r.teller.total-len(targets))
		if len(targets) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return r.giveUp(ctx, objects, targets)
		case <-time.After(lookInterval):
		}
	}
}

// follow watches instead of asking again and again. It stops what waits where
// the user may not.
func (c *cluster) follow(ctx context.Context, namespace string, stop context.CancelCauseFunc) (client.Reader, error) {
	options := cache.Options{
		Scheme: c.client.Scheme(), Mapper: c.client.RESTMapper(),
		DefaultTransform: cache.TransformStripManagedFields(),
		DefaultWatchErrorHandler: func(_ context.Context, _ *toolscache.Reflector, err error) {
			if apierrors.IsForbidden(err) {
				stop(fmt.Errorf("annotated, but it cannot be waited for: %w", err))
			}
		},
	}
	if namespace != "" {
		options.DefaultNamespaces = map[string]cache.Config{namespace: {}}
	}
	objects, err := cache.New(c.config, options)
	if err != nil {
		return nil, err
	}
	go func() {
		if err := objects.Start(ctx); err != nil {
			stop(err)
		}
	}()
	objects.WaitForCacheSync(ctx)
	return objects, nil
}

// isKnown tells what became of an object, once that is known.
func (r *resync) isKnown(ctx context.Context, objects client.Reader, one target, waited time.Duration) bool {
	outcome, why := r.look(ctx, objects, one, waited)
	if outcome == "" {
		return false
	}
	r.teller.tell(one, outcome, why)
	return true
}

func (r *resync) look(ctx context.Context, objects client.Reader, one target, waited time.Duration) (outcome resyncOutcome, why string) {
	followed := one.newFollowed()
	err := objects.Get(ctx, client.ObjectKeyFromObject(one.object), followed)
	switch {
	case apierrors.IsNotFound(err) && waited >= settled:
		return outcomeFailed, "it was deleted"
	case err != nil:
		return "", "not seen yet"
	}
	switch object := followed.(type) {
	case api.Source:
		return answerOf(object, r.value, waited)
	case *unstructured.Unstructured:
		return guardedAnswerOf(object, r.value, waited)
	}
	return "", "not read yet"
}

// answerOf is what became of an object since its annotation got the value, or
// no outcome, and why not yet.
func answerOf(source api.Source, value string, waited time.Duration) (outcome resyncOutcome, why string) {
	status := source.SyncStatus()
	ready := apimeta.FindStatusCondition(status.Conditions, api.ConditionReady)
	now := source.GetAnnotations()[api.Resync]
	switch {
	case ready != nil && ready.Status == metav1.ConditionTrue && status.SyncedResync == value:
		return outcomeSynced, ""
	case now != value && waited < settled:
		// What is followed may lag behind what was written.
		return "", "not seen yet"
	case now != value:
		return outcomeFailed, fmt.Sprintf("%s was changed to %q meanwhile", api.Resync, now)
	case source.GetAnnotations()[api.Suspend] == "true":
		return outcomeSuspended, suspendedWhy
	case ready == nil, ready.Status == metav1.ConditionTrue:
		return "", "not read yet"
	case hasFailed(source, waited):
		return outcomeFailed, ready.Reason + ": " + ready.Message
	}
	return "", ready.Reason + ": " + ready.Message
}

// hasFailed tells a failure of this value from one that may have stood before,
// and from a Vault that is away, which comes back by itself.
func hasFailed(source api.Source, waited time.Duration) bool {
	retry := source.SyncStatus().Retry
	if retry == nil {
		return waited >= settled
	}
	return retry.Version == api.VersionOf(source) && retry.Reason != string(vault.ReasonUnavailable)
}

// giveUp tells those that are still waited for.
func (r *resync) giveUp(ctx context.Context, objects client.Reader, targets []target) error {
	if cause := context.Cause(ctx); !errors.Is(cause, errLate) {
		return cause
	}
	for _, one := range targets {
		_, why := r.look(ctx, objects, one, 0)
		r.teller.tell(one, outcomeLate, why)
	}
	return nil
}
