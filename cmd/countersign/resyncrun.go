package main

import (
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

const resyncFieldManager = "countersign-resync"

// resync gives objects one value of the annotation.
type resync struct {
	cluster *cluster
	teller  *teller
	value   string
}

// annotateAll returns those that can be waited for.
func (r *resync) annotateAll(ctx context.Context, targets []target, perSecond float64, wait bool) ([]target, error) {
	limiter := rate.NewLimiter(rate.Limit(perSecond), 1)
	var annotated []target
	for i, one := range targets {
		if err := limiter.Wait(ctx); err != nil {
			return nil, fmt.Errorf("stopped after %d of %d: %w", i, len(targets), err)
		}
		var err error
		if one.vain == "" {
			err = r.annotate(ctx, one)
		}
		switch {
		case one.vain != "":
			r.teller.tell(one, outcomeFailed, one.vain)
		case err != nil:
			r.teller.tell(one, outcomeFailed, err.Error())
		case one.suspended:
			r.teller.tell(one, outcomeSuspended, suspendedWhy)
		case wait:
			annotated = append(annotated, one)
		default:
			r.teller.tell(one, outcomeAnnotated, "")
		}
		r.teller.progress("annotated", i+1)
	}
	return annotated, nil
}

// annotate patches the one annotation, on no condition: whatever else is
// changed meanwhile stays.
func (r *resync) annotate(ctx context.Context, one target) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{api.Resync: r.value}}})
	if err != nil {
		return err
	}
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(one.kind)
	meta.Namespace, meta.Name = one.object.GetNamespace(), one.object.GetName()
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		return r.cluster.client.Patch(ctx, meta, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(resyncFieldManager))
	})
}
