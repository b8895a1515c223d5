package main

import (
	"context"
	"os"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/controller/stores"
)

// addStores has the statuses of stores written whose objects are synced.
func (w *wiring) addStores() error {
	judge, err := newGuardedJudge(w.judge, w.mgr.GetClient(), w.settings, os.ReadFile)
	if err != nil {
		return err
	}
	judge.Only = w.options.watchNamespaces
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
