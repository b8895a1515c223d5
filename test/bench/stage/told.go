package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/countersign/countersign/test/harness"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// AwaitTold returns when no event has come for half a second: they are told
// behind the work, and cost what they cost.
func (s *Stage) AwaitTold(ctx context.Context) error {
	last := int64(-1)
	return harness.Eventually(ctx, 500*time.Millisecond, within, func(ctx context.Context) error {
		now, err := s.countEvents(ctx)
		if err == nil && now != last {
			last, err = now, fmt.Errorf("%d events, and maybe more", now)
		}
		return err
	})
}

func (s *Stage) countEvents(ctx context.Context) (int64, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(eventsv1.SchemeGroupVersion.WithKind("EventList"))
	if err := s.Env.Client.List(ctx, list, client.Limit(1)); err != nil {
		return 0, err
	}
	count := int64(len(list.Items))
	if list.RemainingItemCount != nil {
		count += *list.RemainingItemCount
	}
	return count, nil
}
