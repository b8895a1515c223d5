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

	back trigger
}

func newVaults(mgr ctrl.Manager, settings *config.Settings) (*openVaults, error) {
	back := make(trigger, 1)
	opened, err := vault.OpenAll(settings.Vaults, vault.Surroundings{
		Mint: vault.NewMinter(mgr.GetClient()), Clock: clock.RealClock{},
		Metrics: vault.NewMetrics(metrics.Registry), Back: back.pull,
	})
	return &openVaults{Vaults: opened, back: back}, err
}

// revoke ends the sessions that nothing hangs on, once nobody uses them.
func (v *openVaults) revoke(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeWithin)
	defer cancel()
	if err := v.Close(ctx); err != nil {
		ctrl.Log.Error(err, "sessions are left to expire")
	}
}

// trigger has the controller look at objects that nobody has changed. One
// pending event is enough: it is for all of them.
type trigger chan event.GenericEvent

func (t trigger) pull() {
	select {
	case t <- event.GenericEvent{Object: &corev1.ConfigMap{}}:
	default:
	}
}
