package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/reference"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/countersign/countersign/api"
)

const (
	// longestEvent is how long the apiserver may take to keep an event.
	longestEvent = 5 * time.Second
	// laterEvents are as many as may wait, a few hundred bytes each.
	laterEvents = 1024
)

// EventWriter tells users what became of their objects, behind the work: a Secret
// does not wait for what is told of another. Where too much is to be told, whoever
// tells waits. Each event is written once, and nothing of it is kept: a recorder
// of client-go does for six minutes and more, in case that it repeats. Where
// thousands of objects are synced that is a seventh of the memory, and these tell
// a change, which does not repeat. What is not told is in the status.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
type EventWriter struct {
	client   client.Client
	instance string

	mu sync.RWMutex
	// later is nil while nobody writes what is put there.
	later chan news
}

// news is an event before it is one.
type news struct {
	regarding          *corev1.ObjectReference
	at                 metav1.MicroTime
	kind, reason, note string
}

// NewEventWriter is of a process that has a name, to those who read its events.
func NewEventWriter(writer client.Client, instance string) *EventWriter {
	return &EventWriter{client: writer, instance: instance}
}

// NeedLeaderElection is false: with that it ends before the work does, which
// writes what it still has to tell itself.
func (w *EventWriter) NeedLeaderElection() bool { return false }

// Start writes until ctx ends, and then what is left.
func (w *EventWriter) Start(ctx context.Context) error {
	writing := context.WithoutCancel(ctx)
	later := make(chan news, laterEvents)
	w.open(later)
	for ctx.Err() == nil {
		select {
		case one := <-later:
			w.write(writing, one)
		case <-ctx.Done():
		}
	}
	w.open(nil)
	close(later)
	w.finish(writing, later)
	return nil
}

func (w *EventWriter) open(later chan news) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.later = later
}

// finish takes as long as one event may.
func (w *EventWriter) finish(ctx context.Context, left <-chan news) {
	ctx, cancel := context.WithTimeout(ctx, longestEvent)
	defer cancel()
	for one := range left {
		w.write(ctx, one)
	}
}

func (w *EventWriter) tell(ctx context.Context, one news) {
	if !w.tellLater(one) {
		w.write(ctx, one)
	}
}

func (w *EventWriter) tellLater(one news) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	select {
	case w.later <- one:
		return true
	default:
		return false
	}
}

func (w *EventWriter) write(ctx context.Context, one news) {
	ctx, cancel := context.WithTimeout(ctx, longestEvent)
	defer cancel()
	err := w.client.Create(ctx, &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: one.regarding.Namespace, GenerateName: fmt.Sprintf("%.200s-", one.regarding.Name)},
		EventTime:  one.at, Type: one.kind, Reason: one.reason, Note: one.note, Action: "Sync",
		ReportingController: FieldManager, ReportingInstance: w.instance,
		Regarding: *one.regarding,
	}, client.DisableReadYourWritesConsistency)
	if err != nil {
		logUntold(ctx, one.reason, err)
	}
}

func logUntold(ctx context.Context, reason string, err error) {
	log.FromContext(ctx).Info("an event is not told", "reason", reason, "error", err.Error())
}

// emit tells of one object.
func (r *Reconciler) emit(ctx context.Context, object api.Synced, kind, reason, note string) {
	regarding, err := reference.GetReference(r.Scheme(), object)
	if err != nil {
		logUntold(ctx, reason, err)
		return
	}
	r.Events.tell(ctx, news{regarding: regarding, at: metav1.NewMicroTime(r.Clock.Now()), kind: kind, reason: reason, note: note})
}
