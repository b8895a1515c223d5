package violations

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

// Watcher looks for violations on the replica that leads.
type Watcher struct {
	// Judge is asked with the objects as they stand in the Watcher's caches.
	Judge config.GuardedJudge
	// Kinds are all that are guarded, whether the cluster has them or not.
	Kinds []schema.GroupVersionKind
	// Shared holds CustomResourceDefinitions and Namespaces, as metadata.
	Shared cache.Cache
	// Mapper tells when a new kind is served.
	Mapper apimeta.RESTMapper
	// NewCache makes a cache for one kind.
	NewCache func() (cache.Cache, error)
	// PolicyChanged has all objects judged anew.
	PolicyChanged <-chan event.GenericEvent
	Recorder      events.EventRecorder
	Metrics       *Metrics
}

// item is an object to judge.
type item struct {
	kind schema.GroupVersionKind
	key  client.ObjectKey
}

// run is a Watcher at work.
type run struct {
	*Watcher

	logger logr.Logger
	queue  workqueue.TypedRateLimitingInterface[item]
	kinds  *kinds
	// told has what was told of each object that stands in violation.
	told map[item]string
	// changed is signalled when CRDs have.
	changed chan struct{}
}

// Start follows the cluster until ctx ends.
func (w *Watcher) Start(ctx context.Context) error {
	r := &run{
		Watcher: w, logger: log.FromContext(ctx).WithName("violations"),
		queue:   workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[item]()),
		told:    map[item]string{},
		changed: make(chan struct{}, 1),
	}
	r.kinds = newKinds(w.Judge.Scheme, w.NewCache)
	r.Judge.Objects = r.kinds
	defer r.Metrics.forgetAll()
	if err := r.follow(ctx); err != nil {
		return fmt.Errorf("violations: %w", err)
	}
	context.AfterFunc(ctx, r.queue.ShutDown)
	go r.lookForKinds(ctx)
	for r.next(ctx) {
	}
	return nil
}

// next judges one object; it is false at the end.
func (r *run) next(ctx context.Context) bool {
	one, end := r.queue.Get()
	if end {
		return false
	}
	defer r.queue.Done(one)
	if err := r.judge(ctx, one); err != nil && ctx.Err() == nil {
		r.logger.Error(err, "cannot judge", "kind", one.kind.Kind, "namespace", one.key.Namespace, "name", one.key.Name)
		r.queue.AddRateLimited(one)
		return true
	}
	r.queue.Forget(one)
	return true
}

// judgeWithin is longer than the caches of further kinds take to fill.
const judgeWithin = 10 * time.Second

// judge tells what is new about an object, and has those judged that refer to
// it.
func (r *run) judge(ctx context.Context, one item) error {
	ctx, cancel := context.WithTimeout(ctx, judgeWithin)
	defer cancel()
	object, err := r.Judge.Get(ctx, one.kind, one.key)
	if err != nil {
		return err
	}
	if object == nil {
		r.Metrics.set(one, false)
		delete(r.told, one)
	} else if err := r.judgeStanding(ctx, one, object); err != nil {
		return err
	}
	return r.enqueueDependents(ctx, one)
}

func (r *run) judgeStanding(ctx context.Context, one item, object api.Guarded) error {
	if r.Judge.Policy() == nil {
		// Nothing can be judged; the first policy has everything judged.
		return nil
	}
	if r.Judge.Syncs(ctx, object) {
		// Nothing is read for it that policy denies, and its own status says so.
		r.Metrics.set(one, false)
		delete(r.told, one)
		return nil
	}
	verdict, err := r.Judge.Evaluate(ctx, object)
	if err != nil {
		return err
	}
	r.tell(one, object, verdict)
	return nil
}

func (r *run) enqueueDependents(ctx context.Context, one item) error {
	dependents, err := r.Judge.Dependents(ctx, one.kind, &metav1.ObjectMeta{Namespace: one.key.Namespace, Name: one.key.Name})
	for _, dependent := range dependents {
		r.enqueue(dependent)
	}
	return err
}
