package main

import (
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller/violations"
	"github.com/countersign/countersign/webhook"
)

// guardedKind is one whose objects are judged, and synced by another controller.
type guardedKind struct {
	of        config.Dialect
	kind      schema.GroupVersionKind
	validator func(*config.GuardedJudge) webhook.Validator
	// refersTo are the kinds that its objects may refer to.
	refersTo []string
}

// guardedKinds are all of them; a further one is a line here.
func guardedKinds() []guardedKind {
	eso, push, generators := esov1.GroupVersion(), esov1.PushGroupVersion(), esov1.GeneratorsGroupVersion()
	stores := []string{esov1.KindSecretStore, esov1.KindClusterSecretStore}
	all := append(slices.Clone(stores), esov1.KindVaultDynamicSecret, esov1.KindClusterGenerator)
	return []guardedKind{
		{config.ESO, eso.WithKind(esov1.KindExternalSecret), webhook.GuardedValidatorOf[*esov1.ExternalSecret](), all},
		{config.ESO, eso.WithKind(esov1.KindClusterExternalSecret), webhook.GuardedValidatorOf[*esov1.ClusterExternalSecret](), nil},
		{config.ESO, eso.WithKind(esov1.KindSecretStore), webhook.GuardedValidatorOf[*esov1.SecretStore](), nil},
		{config.ESO, eso.WithKind(esov1.KindClusterSecretStore), webhook.GuardedValidatorOf[*esov1.ClusterSecretStore](), nil},
		{config.ESO, push.WithKind(esov1.KindPushSecret), webhook.GuardedValidatorOf[*esov1.PushSecret](), all},
		{config.ESO, push.WithKind(esov1.KindClusterPushSecret), webhook.GuardedValidatorOf[*esov1.ClusterPushSecret](), nil},
		{config.ESO, generators.WithKind(esov1.KindVaultDynamicSecret), webhook.GuardedValidatorOf[*esov1.VaultDynamicSecret](), nil},
		{config.ESO, generators.WithKind(esov1.KindClusterGenerator), webhook.GuardedValidatorOf[*esov1.ClusterGenerator](), nil},
	}
}

// guarded are those that the operator has switched on.
func guarded(settings *config.Settings) []guardedKind {
	return slices.DeleteFunc(guardedKinds(), func(one guardedKind) bool { return !slices.Contains(settings.Dialects, one.of) })
}

// newGuardedJudge reads the objects where it is told to.
func newGuardedJudge(judge *config.Judge, objects client.Reader, settings *config.Settings) (*config.GuardedJudge, error) {
	vaults, err := settings.GuardedVaults(os.ReadFile)
	if err != nil {
		return nil, err
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	return &config.GuardedJudge{
		Judge: judge, Objects: objects, Scheme: scheme, Vaults: vaults,
		OtherBackends: settings.OtherBackends, ReferredBy: referredBy(guarded(settings)),
	}, nil
}

// referredBy turns refersTo round.
func referredBy(kinds []guardedKind) map[schema.GroupKind][]schema.GroupVersionKind {
	by := map[schema.GroupKind][]schema.GroupVersionKind{}
	for _, one := range kinds {
		for _, name := range one.refersTo {
			for _, referred := range kinds {
				if referred.kind.Kind == name {
					by[referred.kind.GroupKind()] = append(by[referred.kind.GroupKind()], one.kind)
				}
			}
		}
	}
	return by
}

// addViolations has the guarded objects followed that stand although policy
// denies them. Where no dialect has any there is nothing to follow.
func (w *wiring) addViolations() error {
	kinds := guarded(w.settings)
	if len(kinds) == 0 {
		return nil
	}
	judge, err := newGuardedJudge(w.judge, nil, w.settings)
	if err != nil {
		return err
	}
	watcher := &violations.Watcher{
		Judge: *judge, Shared: w.mgr.GetCache(), Mapper: w.mgr.GetRESTMapper(), NewCache: w.newGuardedCache,
		PolicyChanged: w.policyChanged.add(),
		Recorder:      w.mgr.GetEventRecorder("countersign-guard"),
		Metrics:       violations.NewMetrics(metrics.Registry),
	}
	for _, one := range kinds {
		watcher.Kinds = append(watcher.Kinds, one.kind)
	}
	return w.mgr.Add(watcher)
}

// newGuardedCache holds objects of the namespaces that the process knows.
func (w *wiring) newGuardedCache() (cache.Cache, error) {
	options := cache.Options{
		Scheme: w.mgr.GetScheme(), Mapper: w.mgr.GetRESTMapper(), HTTPClient: w.mgr.GetHTTPClient(),
		DefaultTransform: cache.TransformStripManagedFields(),
	}
	if len(w.options.watchNamespaces) > 0 {
		options.DefaultNamespaces = namespaced(w.options.watchNamespaces...)
	}
	return cache.New(w.mgr.GetConfig(), options)
}
