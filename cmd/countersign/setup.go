package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller"
	"github.com/countersign/countersign/controller/vault"
	"github.com/countersign/countersign/webhook"
	"github.com/countersign/countersign/webhook/certificates"
)

// setUp wires policy, webhooks and controller into the manager.
func setUp(ctx context.Context, mgr ctrl.Manager, options *serveOptions, settings *config.Settings, vaults *openVaults) error {
	// The webhooks of a replica that does not lead need them too.
	for _, watched := range append(newObjects(), namespaceMetadata()) {
		if _, err := mgr.GetCache().GetInformer(ctx, watched); err != nil {
			return fmt.Errorf("watch %T: %w", watched, err)
		}
	}
	var policyChanged triggers
	live, err := addLivePolicy(mgr, options, settings, &policyChanged)
	if err != nil {
		return err
	}
	judge := &config.Judge{Policy: live.Policy, Namespaces: mgr.GetClient(), Live: mgr.GetAPIReader()}
	for _, one := range dialects() {
		again := controller.Triggers{PolicyChanged: policyChanged.add(), VaultBack: vaults.back.add()}
		if err := reconciler(mgr, one, options, settings, judge, vaults.Vaults).SetupWithManager(mgr, one.name(), again, metrics.Registry); err != nil {
			return fmt.Errorf("controller of %s: %w", one.kind, err)
		}
	}
	certificates.NewExpiry(options.certDir, metrics.Registry)
	served, err := serveWebhooks(mgr, options, func() { registerWebhooks(mgr, settings, judge, live) })
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	return addProbes(mgr, options, live, served)
}

// addLivePolicy has the policy followed, and kept across restarts where there
// is a ConfigMap for it.
func addLivePolicy(mgr ctrl.Manager, options *serveOptions, settings *config.Settings, changed *triggers) (*config.LivePolicy, error) {
	live := &config.LivePolicy{
		Cache: mgr.GetCache(), Namespace: options.namespace, Settings: settings.PolicySettings(),
		Recorder: mgr.GetEventRecorder("countersign-policy"),
		Metrics:  config.NewPolicyMetrics(metrics.Registry),
		Changed:  changed.pull,
	}
	if options.lastGood != "" {
		key := client.ObjectKey{Namespace: options.namespace, Name: options.lastGood}
		live.Store = config.NewLastGoodStore(mgr.GetClient(), mgr.GetAPIReader(), key, live.Metrics)
		if err := mgr.Add(live.Store); err != nil {
			return nil, err
		}
	}
	return live, mgr.Add(live)
}

func reconciler(mgr ctrl.Manager, of dialect, options *serveOptions, settings *config.Settings, judge *config.Judge, vaults vault.Vaults) *controller.Reconciler {
	return &controller.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(),
		New: of.newObject, NewList: of.newList,
		Defaults: settings.Defaults(), Judge: judge, Vaults: vaults,
		Clock: clock.RealClock{}, Recorder: mgr.GetEventRecorder("countersign"),
		Restores: controller.NewRestores(clock.RealClock{}),
		Metrics:  controller.NewMetrics(metrics.Registry, of.name()),

		ControllerID: options.controllerID, ResyncInterval: options.resyncInterval,
	}
}

func registerWebhooks(mgr ctrl.Manager, settings *config.Settings, judge *config.Judge, live *config.LivePolicy) {
	stamp := &webhook.Stamp{Clock: clock.RealClock{}, RecordRequester: *settings.RecordRequester}
	enforcement := &webhook.Enforcement{Judge: judge, Settings: settings, Metrics: webhook.NewMetrics(metrics.Registry)}
	webhook.Register(mgr, stamp, enforcement, validators())
	webhook.RegisterGuard(mgr, &webhook.Guard{
		Live: live, ConfigMaps: mgr.GetAPIReader(),
		Impact: &webhook.Impact{Judge: judge, Objects: mgr.GetClient(), NewLists: newLists, Defaults: settings.Defaults()},
	})
}

// addProbes: ready is when an admission can be decided and served.
func addProbes(mgr ctrl.Manager, options *serveOptions, live *config.LivePolicy, served <-chan struct{}) error {
	serving := certificates.Serving(net.JoinHostPort(options.webhookHost, strconv.Itoa(options.webhookPort)), options.certDir)
	webhooks := func(request *http.Request) error {
		select {
		case <-served:
			return serving(request)
		default:
			return errors.New("no serving certificate yet")
		}
	}
	return errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("policy", live.Ready),
		mgr.AddReadyzCheck("webhooks", webhooks),
	)
}
