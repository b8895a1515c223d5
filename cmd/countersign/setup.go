package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller"
	"github.com/countersign/countersign/controller/vault"
	"github.com/countersign/countersign/webhook"
)

// setUp wires policy, webhooks and controller into the manager.
func setUp(ctx context.Context, mgr ctrl.Manager, options *serveOptions, settings *config.Settings) error {
	vaults, err := vault.OpenAll(settings.Vaults, vault.NewMinter(mgr.GetClient()), clock.RealClock{}, vault.NewMetrics(metrics.Registry))
	if err != nil {
		return err
	}
	// The webhook of a replica that does not lead needs it too.
	if _, err := mgr.GetCache().GetInformer(ctx, namespaceMetadata()); err != nil {
		return fmt.Errorf("watch namespaces: %w", err)
	}
	policyChanged := make(chan event.GenericEvent, 1)
	live := livePolicy(mgr, options, settings, policyChanged)
	if err := mgr.Add(live); err != nil {
		return err
	}
	judge := &config.Judge{Policy: live.Policy, Namespaces: mgr.GetClient(), Live: mgr.GetAPIReader()}
	if err := reconciler(mgr, settings, judge, vaults).SetupWithManager(mgr, "externalsecret", policyChanged); err != nil {
		return fmt.Errorf("controller: %w", err)
	}
	served, err := serveWebhooks(mgr, options, func() error { return registerWebhooks(mgr, settings, judge) })
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	return addProbes(mgr, live, served)
}

func livePolicy(mgr ctrl.Manager, options *serveOptions, settings *config.Settings, changed chan<- event.GenericEvent) *config.LivePolicy {
	return &config.LivePolicy{
		Cache: mgr.GetCache(), Namespace: options.namespace, Settings: settings.PolicySettings(),
		Recorder: mgr.GetEventRecorder("countersign-policy"),
		Metrics:  config.NewPolicyMetrics(metrics.Registry),
		Changed: func() {
			// One pending event is enough: it has everything judged again.
			select {
			case changed <- event.GenericEvent{Object: &corev1.ConfigMap{}}:
			default:
			}
		},
	}
}

func reconciler(mgr ctrl.Manager, settings *config.Settings, judge *config.Judge, vaults vault.Vaults) *controller.Reconciler {
	return &controller.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(),
		New:      func() api.Source { return &kesv1.ExternalSecret{} },
		NewList:  func() client.ObjectList { return &kesv1.ExternalSecretList{} },
		Defaults: settings.Defaults(), Judge: judge, Vaults: vaults,
		Clock: clock.RealClock{}, Recorder: mgr.GetEventRecorder("countersign"),
	}
}

func registerWebhooks(mgr ctrl.Manager, settings *config.Settings, judge *config.Judge) error {
	stamp := &webhook.Stamp{Clock: clock.RealClock{}, RecordRequester: *settings.RecordRequester}
	enforce := &webhook.Enforce[*kesv1.ExternalSecret]{
		Judge: judge, Defaults: settings.Defaults(), OtherBackends: settings.OtherBackends,
		Metrics: webhook.NewMetrics(metrics.Registry),
	}
	return webhook.Register(mgr, &kesv1.ExternalSecret{}, stamp, enforce)
}

// addProbes: ready is when an admission can be decided and served.
func addProbes(mgr ctrl.Manager, live *config.LivePolicy, served <-chan struct{}) error {
	webhooks := func(request *http.Request) error {
		select {
		case <-served:
			return mgr.GetWebhookServer().StartedChecker()(request)
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
