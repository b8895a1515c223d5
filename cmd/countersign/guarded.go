package main

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/countersign/countersign/api"
	esov1 "github.com/countersign/countersign/api/eso/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/controller/violations"
	"github.com/countersign/countersign/webhook"
)

// guardedKind is one whose objects are judged, and synced by another controller.
type guardedKind struct {
	of        config.Dialect
	kind      schema.GroupVersionKind
	newObject func() api.Guarded
	validator func(*config.GuardedJudge) webhook.Validator
	// refersTo are the kinds that its objects may refer to.
	refersTo []string
	// cluster holds where its objects are of no namespace.
	cluster bool
}

// guardedKinds are all of them; a further one is a line here.
func guardedKinds() []guardedKind {
	eso, push, generators := esov1.GroupVersion(), esov1.PushGroupVersion(), esov1.GeneratorsGroupVersion()
	stores := []string{esov1.KindSecretStore, esov1.KindClusterSecretStore}
	all := append(slices.Clone(stores), esov1.KindVaultDynamicSecret, esov1.KindClusterGenerator)
	return []guardedKind{
		guardedKindOf[esov1.ExternalSecret](config.ESO, eso.WithKind(esov1.KindExternalSecret), all, false),
		guardedKindOf[esov1.ClusterExternalSecret](config.ESO, eso.WithKind(esov1.KindClusterExternalSecret), nil, true),
		guardedKindOf[esov1.SecretStore](config.ESO, eso.WithKind(esov1.KindSecretStore), nil, false),
		guardedKindOf[esov1.ClusterSecretStore](config.ESO, eso.WithKind(esov1.KindClusterSecretStore), nil, true),
		guardedKindOf[esov1.PushSecret](config.ESO, push.WithKind(esov1.KindPushSecret), all, false),
		guardedKindOf[esov1.ClusterPushSecret](config.ESO, push.WithKind(esov1.KindClusterPushSecret), nil, true),
		guardedKindOf[esov1.VaultDynamicSecret](config.ESO, generators.WithKind(esov1.KindVaultDynamicSecret), nil, false),
		guardedKindOf[esov1.ClusterGenerator](config.ESO, generators.WithKind(esov1.KindClusterGenerator), nil, true),
	}
}

// guardedKindOf is the one of a type.
func guardedKindOf[T any, P interface {
	*T
	api.Guarded
}](of config.Dialect, kind schema.GroupVersionKind, refersTo []string, cluster bool) guardedKind {
	return guardedKind{of, kind, func() api.Guarded { return P(new(T)) }, webhook.GuardedValidatorOf[P](), refersTo, cluster}
}

// guarded are those that the operator has switched on.
func guarded(settings *config.Settings) []guardedKind {
	return slices.DeleteFunc(guardedKinds(), func(one guardedKind) bool { return !slices.Contains(settings.Dialects, one.of) })
}

func guardedOf(kind schema.GroupVersionKind) (guardedKind, bool) {
	all := guardedKinds()
	i := slices.IndexFunc(all, func(one guardedKind) bool { return one.kind == kind })
	if i < 0 {
		return guardedKind{}, false
	}
	return all[i], true
}

func hasGuardedKind(kind string) bool {
	return slices.ContainsFunc(guardedKinds(), func(one guardedKind) bool { return one.kind.Kind == kind })
}

// hasGuardedGroupKind tells a guarded kind in another version.
func hasGuardedGroupKind(kind schema.GroupKind) bool {
	return slices.ContainsFunc(guardedKinds(), func(one guardedKind) bool { return one.kind.GroupKind() == kind })
}

// newGuardedJudge reads the objects, and the files that the settings name, where
// it is told to.
func newGuardedJudge(judge *config.Judge, objects client.Reader, settings *config.Settings, readFile func(string) ([]byte, error)) (*config.GuardedJudge, error) {
	operator, err := settings.Operator(readFile)
	if err != nil {
		return nil, err
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	return &config.GuardedJudge{
		Judge: judge, Objects: objects, Scheme: scheme, Operator: operator,
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
	judge, err := w.guardedJudge(nil)
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
		DefaultTransform: withoutManagedFields,
	}
	if len(w.options.watchNamespaces) > 0 {
		options.DefaultNamespaces = namespaced(w.options.watchNamespaces...)
	}
	return cache.New(w.mgr.GetConfig(), options)
}
