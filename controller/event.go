package controller

import (
	"context"
	"fmt"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/reference"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/countersign/countersign/api"
)

// longestEvent is how long an event may keep a worker.
const longestEvent = 5 * time.Second

// emit tells users what became of their object, once and at once. A recorder of
// client-go keeps each event for six minutes and more, in case that it repeats;
// where thousands of objects are synced that is a seventh of the memory, and
// these tell a change, which does not repeat. What is not told is in the status.
// https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
func (r *Reconciler) emit(ctx context.Context, object api.Synced, kind, reason, note string) {
	ctx, cancel := context.WithTimeout(ctx, longestEvent)
	defer cancel()
	regarding, err := reference.GetReference(r.Scheme(), object)
	if err == nil {
		err = r.Create(ctx, &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: object.GetNamespace(), GenerateName: fmt.Sprintf("%.200s-", object.GetName())},
			EventTime:  metav1.NewMicroTime(r.Clock.Now()),
			Type:       kind, Reason: reason, Note: note, Action: "Sync",
			ReportingController: FieldManager, ReportingInstance: r.Instance,
			Regarding: *regarding,
		}, client.DisableReadYourWritesConsistency)
	}
	if err != nil {
		log.FromContext(ctx).Info("an event is not told", "reason", reason, "error", err.Error())
	}
}
