package main

import (
	"context"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/controller/stores"
)

// addStores has the statuses of stores written whose objects are synced.
func (w *wiring) addStores() error {
	judge, err := w.guardedJudge(w.mgr.GetClient())
	if err != nil {
		return err
	}
	for name, one := range map[string]*stores.Reconciler{
		"secretstore": {
			New: func() stores.Store { return &esov1.SecretStore{} }, NewList: func() client.ObjectList { return &esov1.SecretStoreList{} },
		},
		"clustersecretstore": {
			New: func() stores.Store { return &esov1.ClusterSecretStore{} }, NewList: func() client.ObjectList { return &esov1.ClusterSecretStoreList{} },
		},
	} {
		one.Client, one.Judge, one.Clock = w.mgr.GetClient(), judge, clock.RealClock{}
		changed := w.policyChanged.add()
		start := func(context.Context) error { return one.SetupWithManager(w.mgr, name+".external-secrets.io", changed) }
		if err := w.mgr.Add(&whenServed{mgr: w.mgr, kinds: []client.Object{one.New()}, start: start}); err != nil {
			return err
		}
	}
	return nil
}
