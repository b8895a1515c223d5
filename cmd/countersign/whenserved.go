package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// whenServed starts a controller once the cluster has the kinds that it
// follows: they are another controller's, and may be installed later.
type whenServed struct {
	mgr   ctrl.Manager
	kinds []client.Object
	start func(context.Context) error
}

// lookForKinds is how often the apiserver is asked for kinds that it lacks.
const lookForKinds = 5 * time.Second

// Start implements manager.Runnable.
func (w *whenServed) Start(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, lookForKinds, true, func(context.Context) (bool, error) { return w.served() })
	if ctx.Err() != nil {
		return nil //nolint:nilerr // The process ends.
	}
	if err != nil {
		return err
	}
	return w.start(ctx)
}

func (w *whenServed) served() (bool, error) {
	for _, object := range w.kinds {
		kind, err := w.mgr.GetClient().GroupVersionKindFor(object)
		if err != nil {
			return false, fmt.Errorf("%T: %w", object, err)
		}
		if _, err := w.mgr.GetRESTMapper().RESTMapping(kind.GroupKind(), kind.Version); err != nil {
			return false, nil //nolint:nilerr // Also where the apiserver does not answer it is asked again.
		}
	}
	return true, nil
}
