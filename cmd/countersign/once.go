package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

const (
	// onceWorkers sync at a time; the budget bounds what Vault sees.
	onceWorkers = 16
	// policyWithin is how long the first policy may take to compile.
	policyWithin = time.Minute
)

// syncOnce looks at every object once, as the controller would, and tells which
// are not ready then.
func (w *wiring) syncOnce(ctx context.Context, out io.Writer) error {
	compiled := w.policyChanged.add()
	ctx, end := context.WithCancel(ctx)
	defer end()
	var found error
	err := w.mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		defer end()
		select {
		case <-compiled:
		case <-time.After(policyWithin):
			return w.live.Ready(nil)
		}
		for _, one := range synced(w.settings) {
			found = errors.Join(found, w.syncAll(ctx, one, out))
		}
		return nil
	}))
	if err != nil {
		return err
	}
	return errors.Join(w.mgr.Start(ctx), found)
}

// syncAll is errFound where an object is not ready at the end.
func (w *wiring) syncAll(ctx context.Context, of syncedKind, out io.Writer) error {
	objects, err := w.objects(ctx, of)
	if err != nil {
		// A cluster without the kind has none of them.
		return config.IgnoreNoKind(err)
	}
	reconciler, err := w.reconciler(of)
	if err != nil {
		return err
	}
	syncing, syncCtx := errgroup.WithContext(ctx)
	syncing.SetLimit(onceWorkers)
	for _, object := range objects {
		syncing.Go(func() error {
			_, err := reconciler.Reconcile(syncCtx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
			return err
		})
	}
	if err := syncing.Wait(); err != nil {
		return err
	}
	return w.tellReadiness(ctx, of, out)
}

func (w *wiring) tellReadiness(ctx context.Context, of syncedKind, out io.Writer) error {
	objects, err := w.objects(ctx, of)
	if err != nil {
		return err
	}
	ready, notReady := 0, 0
	for _, object := range objects {
		condition := apimeta.FindStatusCondition(object.SyncStatus().Conditions, api.ConditionReady)
		switch {
		case condition == nil:
			// Another backend's, another instance's, or suspended.
		case condition.Status == metav1.ConditionTrue:
			ready++
		default:
			notReady++
			_, _ = fmt.Fprintf(out, "%s/%s: %s: %s\n", object.GetNamespace(), object.GetName(), condition.Reason, condition.Message)
		}
	}
	_, _ = fmt.Fprintf(out, "%s: %d ready, %d not ready\n", of.name(), ready, notReady)
	if notReady > 0 {
		return errFound
	}
	return nil
}

// objects of a dialect, past the cache: it may not have seen the last writes.
func (w *wiring) objects(ctx context.Context, of syncedKind) ([]api.Synced, error) {
	namespaces := w.options.watchNamespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var all []api.Synced
	for _, namespace := range namespaces {
		list := of.newList()
		if err := w.mgr.GetAPIReader().List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
		if err := api.EachItem(list, func(object api.Synced) { all = append(all, object) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}
