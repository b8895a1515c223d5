package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller"
	"github.com/countersign/countersign/webhook"
	"github.com/countersign/countersign/webhook/certificates"
)

// wiring is what everything in the process stands on.
type wiring struct {
	mgr      ctrl.Manager
	options  *serveOptions
	settings *config.Settings
	// vaults are open where the process syncs.
	vaults *openVaults
	live   *config.LivePolicy
	judge  *config.Judge
	// policyChanged tells the controllers.
	policyChanged *triggers
}

// wire has the objects and namespaces watched, and the policy followed.
func wire(ctx context.Context, mgr ctrl.Manager, options *serveOptions, settings *config.Settings) (*wiring, error) {
	// The webhooks of a replica that does not lead need them too. What is watched
	// before the start is waited for once.
	for _, watched := range append(enabled(settings).newObjects(), watchedBeside(options)...) {
		if _, err := mgr.GetCache().GetInformer(ctx, watched); err != nil {
			return nil, fmt.Errorf("watch %T: %w", watched, err)
		}
	}
	w := &wiring{mgr: mgr, options: options, settings: settings, policyChanged: &triggers{}}
	var err error
	if w.live, err = addLivePolicy(mgr, options, settings, w.policyChanged); err != nil {
		return nil, err
	}
	w.judge = &config.Judge{Policy: w.live.Policy, Namespaces: mgr.GetClient(), Live: mgr.GetAPIReader()}
	return w, nil
}

// watchedBeside are the kinds that are watched beside the objects.
func watchedBeside(options *serveOptions) []client.Object {
	kinds := []client.Object{namespaceMetadata(), &corev1.ConfigMap{}}
	if options.sync {
		kinds = append(kinds, metadataOf("Secret"))
	}
	return kinds
}

// openVaults has their budgets follow the settings file.
func (w *wiring) openVaults() error {
	var err error
	if w.vaults, err = newVaults(w.mgr, w.settings); err != nil {
		return err
	}
	return w.mgr.Add(config.NewSettingsWatcher(w.options.settingsFile, w.settings, w.vaults.setBudgets))
}

// setUp adds to the manager what the process is to do: to sync, to serve the
// webhooks, or both.
func (w *wiring) setUp(ctx context.Context) error {
	if w.options.sync {
		if err := w.addControllers(ctx); err != nil {
			return err
		}
	}
	if w.options.admission {
		if err := w.addWebhooks(); err != nil {
			return err
		}
	}
	return errors.Join(w.mgr.AddHealthzCheck("ping", healthz.Ping), w.mgr.AddReadyzCheck("policy", w.live.Ready))
}

func (w *wiring) addControllers(ctx context.Context) error {
	if err := w.addViolations(); err != nil {
		return fmt.Errorf("violations: %w", err)
	}
	for _, one := range synced(w.settings) {
		if err := w.addController(ctx, one); err != nil {
			return fmt.Errorf("controller of %s: %w", one.kind, err)
		}
	}
	if !w.settings.SyncsESO() {
		return nil
	}
	return w.addStores()
}

func (w *wiring) addController(ctx context.Context, of syncedKind) error {
	reconciler, err := w.reconciler(of)
	if err != nil {
		return err
	}
	again := controller.Triggers{PolicyChanged: w.policyChanged.add(), VaultBack: w.vaults.back.add()}
	start := func(ctx context.Context) error {
		return reconciler.SetupWithManager(ctx, w.mgr, of.name(), again, metrics.Registry)
	}
	if of.isOurs() {
		return start(ctx)
	}
	return w.mgr.Add(&whenServed{mgr: w.mgr, kinds: append([]client.Object{of.newObject()}, of.referred...), start: start})
}

func (w *wiring) addWebhooks() error {
	validators, err := w.validators()
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	certificates.NewExpiry(w.options.certDir, metrics.Registry)
	served, err := serveWebhooks(w.mgr, w.options, func() { w.registerWebhooks(validators) })
	if err != nil {
		return fmt.Errorf("webhooks: %w", err)
	}
	return w.mgr.AddReadyzCheck("webhooks", w.servesWebhooks(served))
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
		// Where two Deployments share the policy, the sync's leader keeps it.
		if options.sync {
			if err := mgr.Add(live.Store); err != nil {
				return nil, err
			}
		}
	}
	return live, mgr.Add(live)
}

// guardedJudge is of the namespaces and the instance that the process is for.
func (w *wiring) guardedJudge(objects client.Reader) (*config.GuardedJudge, error) {
	judge, err := newGuardedJudge(w.judge, objects, w.settings, os.ReadFile)
	if err != nil {
		return nil, err
	}
	judge.Only, judge.Operator.ControllerID = w.options.watchNamespaces, w.options.controllerID
	return judge, nil
}

func (w *wiring) reconciler(of syncedKind) (*controller.Reconciler, error) {
	// Stores are read from the cache: what is judged is what is asked.
	judge, err := w.guardedJudge(w.mgr.GetClient())
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return &controller.Reconciler{
		Client: w.mgr.GetClient(), Live: w.mgr.GetAPIReader(),
		New: of.newObject, NewList: of.newList,
		Around: judge.Surroundings(), Judge: w.judge, Vaults: w.vaults.Vaults, Data: controller.NewDataReader(w.mgr.GetAPIReader()),
		Clock: clock.RealClock{}, Restores: controller.NewRestores(clock.RealClock{}),
		Events:  controller.NewEventWriter(w.mgr.GetClient(), "countersign-"+host),
		Metrics: controller.NewMetrics(metrics.Registry, of.name()),

		NamesSecrets: of.namesSecrets, Referred: of.referred, Referring: of.referring(judge),

		ResyncInterval: w.options.resyncInterval, Workers: w.options.workers,
	}, nil
}

// validators are those of all dialects that are on, by kind.
func (w *wiring) validators() (map[schema.GroupVersionKind]webhook.Validator, error) {
	judge, err := w.guardedJudge(w.mgr.GetAPIReader())
	if err != nil {
		return nil, err
	}
	all := enabled(w.settings).validators()
	for _, one := range guarded(w.settings) {
		all[one.kind] = one.validator(judge)
	}
	return all, nil
}

func (w *wiring) registerWebhooks(validators map[schema.GroupVersionKind]webhook.Validator) {
	stamp := &webhook.Stamp{Clock: clock.RealClock{}, RecordRequester: recordedGroups(w.settings)}
	enforcement := &webhook.Enforcement{Judge: w.judge, Settings: w.settings, Metrics: webhook.NewMetrics(metrics.Registry)}
	webhook.Register(w.mgr, stamp, enforcement, validators)
	webhook.RegisterGuard(w.mgr, &webhook.Guard{
		Live: w.live, ConfigMaps: w.mgr.GetAPIReader(),
		Impact: &webhook.Impact{Judge: w.judge, Objects: w.mgr.GetClient(), NewLists: enabled(w.settings).newLists, Defaults: w.settings.Defaults()},
	})
}

// servesWebhooks: ready is when an admission can be decided and served.
func (w *wiring) servesWebhooks(served <-chan struct{}) healthz.Checker {
	serving := certificates.Serving(net.JoinHostPort(w.options.webhookHost, strconv.Itoa(w.options.webhookPort)), w.options.certDir)
	return func(request *http.Request) error {
		select {
		case <-served:
			return serving(request)
		default:
			return errors.New("no serving certificate yet")
		}
	}
}
