package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/pager"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

const defaultReleaseNamespace = "countersign-system"

// clusterFlags say which cluster to ask.
type clusterFlags struct{ kubeconfig, context, releaseNamespace string }

// The flags that are of no use offline.
const (
	flagKubeconfig       = "kubeconfig"
	flagContext          = "context"
	flagReleaseNamespace = "release-namespace"
)

func (f *clusterFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.kubeconfig, flagKubeconfig, "", "kubeconfig file; left out, that of kubectl")
	flags.StringVar(&f.context, flagContext, "", "context of the kubeconfig; left out, the current one")
	flags.StringVar(&f.releaseNamespace, flagReleaseNamespace, defaultReleaseNamespace, "namespace that Countersign is installed in: its policy and settings are read there")
	completeNothing(command, flagContext, flagReleaseNamespace)
}

// exclude refuses the flags beside one that has the command work offline.
func (*clusterFlags) exclude(command *cobra.Command, offline string) {
	for _, name := range []string{flagKubeconfig, flagContext, flagReleaseNamespace} {
		command.MarkFlagsMutuallyExclusive(offline, name)
	}
}

// cluster is one that Countersign is installed in.
type cluster struct {
	config           *rest.Config
	client           client.Client
	releaseNamespace string
}

func (f *clusterFlags) connect() (*cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: f.context}
	restConfig, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	// The apiserver's priority and fairness governs, not the client.
	restConfig.QPS = -1
	// As kubectl tells what admission warns of.
	restConfig.WarningHandler = rest.NewWarningWriter(os.Stderr, rest.WarningWriterOptions{Deduplicate: true})
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	connected, err := client.New(restConfig, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &cluster{config: restConfig, client: connected, releaseNamespace: f.releaseNamespace}, nil
}

// documents are those of the policy ConfigMaps as they stand.
func (c *cluster) documents(ctx context.Context) ([]*policy.Document, error) {
	list := &corev1.ConfigMapList{}
	if err := c.client.List(ctx, list, client.InNamespace(c.releaseNamespace), client.MatchingLabels{policy.Label: "true"}); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	if len(list.Items) == 0 {
		return nil, fmt.Errorf("no ConfigMap in namespace %s has the label %s=true; name the namespace of the release with --%s",
			c.releaseNamespace, policy.Label, flagReleaseNamespace)
	}
	var documents []*policy.Document
	var problems policy.Problems
	for i := range list.Items {
		parsed, err := policy.ParseData(list.Items[i].Name, list.Items[i].Data)
		if wrong, ok := errors.AsType[policy.Problems](err); ok {
			problems = append(problems, wrong...)
		}
		documents = append(documents, parsed...)
	}
	return documents, problems.Err()
}

// settings are those of the release: it has the one ConfigMap with such a key.
func (c *cluster) settings(ctx context.Context) (*config.Settings, error) {
	const key = "settings.yaml"
	found, err := c.configMapWith(ctx, key)
	if err != nil {
		return nil, err
	}
	settings, err := config.ParseSettings([]byte(found.Data[key]))
	if err != nil {
		return nil, fmt.Errorf("settings of ConfigMap %s: %w", found.Name, err)
	}
	return settings, nil
}

// configMapWith is the one of the release that has a key.
func (c *cluster) configMapWith(ctx context.Context, key string) (*corev1.ConfigMap, error) {
	const hint = "give the settings with --" + flagSettings
	list := &corev1.ConfigMapList{}
	if err := c.client.List(ctx, list, client.InNamespace(c.releaseNamespace)); err != nil {
		return nil, fmt.Errorf("settings: %w; %s", err, hint)
	}
	found := slices.DeleteFunc(list.Items, func(one corev1.ConfigMap) bool { return one.Data[key] == "" })
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no ConfigMap in namespace %s has a %s; %s", c.releaseNamespace, key, hint)
	case 1:
		return &found[0], nil
	}
	return nil, fmt.Errorf("ConfigMaps %s and %s in namespace %s both have a %s; %s", found[0].Name, found[1].Name, c.releaseNamespace, key, hint)
}

// labels are those of the named namespaces.
func (c *cluster) labels(ctx context.Context, names ...string) (namespaceLabels, error) {
	labels := namespaceLabels{}
	for _, name := range names {
		namespace := namespaceMetadata()
		if err := c.client.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
			return nil, err
		}
		labels[name] = namespace.Labels
	}
	return labels, nil
}

func (c *cluster) allLabels(ctx context.Context) (namespaceLabels, error) {
	newList := func() client.ObjectList {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kindNamespace + suffixList))
		return list
	}
	labels := namespaceLabels{}
	err := c.each(ctx, "", newList, func(item runtime.Object) error {
		if namespace, ok := item.(*metav1.PartialObjectMetadata); ok {
			labels[namespace.Name] = namespace.Labels
		}
		return nil
	})
	return labels, err
}

// each lists page by page.
func (c *cluster) each(ctx context.Context, namespace string, newList func() client.ObjectList, do func(runtime.Object) error) error {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		list := newList()
		err := c.client.List(ctx, list, &client.ListOptions{Namespace: namespace, Limit: options.Limit, Continue: options.Continue, Raw: &options})
		return list, err
	})
	return pages.EachListItem(ctx, metav1.ListOptions{}, do)
}
