package main

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/countersign/countersign/policy"
	"github.com/countersign/countersign/webhook"
)

func newManager(options *serveOptions, objects []client.Object, draining <-chan struct{}) (ctrl.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	// By default the apiserver's priority and fairness governs, not the client.
	restConfig.QPS, restConfig.Burst = options.kubeAPIQPS, max(1, int(2*options.kubeAPIQPS))
	return ctrl.NewManager(restConfig, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions(options, objects),
		Client:                        client.Options{Cache: &client.CacheOptions{EnableReadYourWritesConsistency: new(true)}},
		Metrics:                       server.Options{BindAddress: options.metricsAddress},
		HealthProbeBindAddress:        options.healthAddress,
		PprofBindAddress:              options.pprofAddress(),
		LeaderElection:                options.leads(),
		LeaderElectionID:              options.lease(),
		LeaderElectionNamespace:       options.namespace,
		LeaderElectionReleaseOnCancel: true,
		WebhookServer: webhook.NewServer(ctrlwebhook.Options{
			Host: options.webhookHost, Port: options.webhookPort, CertDir: options.certDir,
		}, draining, metrics.Registry),
	})
}

// cacheOptions keep what is not read out of memory. The managedFields of
// Secrets stay: they tell who has changed one.
func cacheOptions(serve *serveOptions, objects []client.Object) cache.Options {
	policyConfigMaps := labels.SelectorFromSet(labels.Set{policy.Label: "true"})
	options := cache.Options{
		// A read of a kind that nobody watches fails, instead of filling the
		// memory with all of them.
		ReaderFailOnMissingInformer: true,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.ConfigMap{}: {
				Namespaces: namespaced(serve.namespace),
				Label:      policyConfigMaps,
			},
			namespaceMetadata(): {Transform: withoutManagedFields},
		},
	}
	if len(serve.watchNamespaces) > 0 {
		options.DefaultNamespaces = namespaced(serve.watchNamespaces...)
	}
	options.ByObject[metadataOf("Secret")] = cache.ByObject{Namespaces: secretsOf(serve), Transform: withoutLastApplied}
	for _, object := range objects {
		options.ByObject[object] = cache.ByObject{Transform: withoutManagedFields}
	}
	return options
}

// secretsOf are the Secrets that the process knows of: those beside the objects
// that it syncs, and its certificate. None means all.
func secretsOf(serve *serveOptions) map[string]cache.Config {
	if serve.sync && len(serve.watchNamespaces) == 0 {
		return nil
	}
	known := map[string]cache.Config{}
	if serve.issues() {
		known[serve.namespace] = cache.Config{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, serve.certSecret)}
	}
	if serve.sync {
		maps.Copy(known, namespaced(serve.watchNamespaces...))
	}
	return known
}

func namespaced(names ...string) map[string]cache.Config {
	all := map[string]cache.Config{}
	for _, name := range names {
		all[name] = cache.Config{}
	}
	return all
}

func namespaceMetadata() *metav1.PartialObjectMetadata { return metadataOf("Namespace") }

func metadataOf(kind string) *metav1.PartialObjectMetadata {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind))
	return meta
}
