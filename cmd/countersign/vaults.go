package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller/vault"
)

// revokeWithin bounds what a shutdown waits for Vault.
const revokeWithin = 5 * time.Second

// openVaults are the doors to Vault, and what tells that one is back.
type openVaults struct {
	vault.Vaults

	back *triggers
}

func newVaults(mgr ctrl.Manager, settings *config.Settings) (*openVaults, error) {
	back := &triggers{}
	opened, err := vault.OpenAll(settings.Vaults, vault.Surroundings{
		Mint: vault.NewMinter(mgr.GetClient()), Secret: vault.NewSecretReader(mgr.GetAPIReader()), Clock: clock.RealClock{},
		Metrics: vault.NewMetrics(metrics.Registry), Back: back.pull,
	})
	return &openVaults{Vaults: opened, back: back}, err
}

// setBudgets changes those of the Vaults that are open.
func (v *openVaults) setBudgets(settings map[string]config.Vault) {
	for name, one := range settings {
		if open, ok := v.Vaults[name]; ok {
			open.SetBudget(one.RequestsPerSecond, one.Burst)
		}
	}
}

// revoke ends the sessions that nothing hangs on, once nobody uses them.
func (v *openVaults) revoke(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeWithin)
	defer cancel()
	if err := v.Close(ctx); err != nil {
		ctrl.Log.Error(err, "sessions are left to expire")
	}
}

// triggers have each controller look at objects that nobody has changed.
type triggers []chan event.GenericEvent

// add makes one for a controller, before anything is pulled.
func (t *triggers) add() <-chan event.GenericEvent {
	one := make(chan event.GenericEvent, 1)
	*t = append(*t, one)
	return one
}

// pull leaves one event pending at most: it is for all objects.
func (t *triggers) pull() {
	for _, one := range *t {
		select {
		case one <- event.GenericEvent{Object: &corev1.ConfigMap{}}:
		default:
		}
	}
}
