package v1

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// Claims are those of the ExternalSecrets that ESO makes now. Each of them is
// judged again when it is made, so a namespace that comes later is too.
func (c *ClusterExternalSecret) Claims(ctx context.Context, around api.Surroundings) ([]*policy.Claim, error) {
	selectors := slices.Clone(c.Spec.NamespaceSelectors)
	if c.Spec.NamespaceSelector != nil {
		selectors = append(selectors, c.Spec.NamespaceSelector)
	}
	for _, name := range c.Spec.Namespaces {
		selectors = append(selectors, &metav1.LabelSelector{MatchLabels: map[string]string{metadataName: name}})
	}
	spec, at := &c.Spec.ExternalSecretSpec, specPath().Child("externalSecretSpec")
	return claimsOfEach(ctx, around, selectors, c.Spec.Unknown, func(a *asker) error { return spec.ask(ctx, a, at) })
}

// Refers has nothing: the ExternalSecrets refer.
func (*ClusterExternalSecret) Refers() []api.Referent { return nil }

// OtherProvider is none: stores name providers.
func (*ClusterExternalSecret) OtherProvider() *field.Path { return nil }

// Claims are those of the PushSecrets that ESO makes now. Each of them is
// judged again when it is made, so a namespace that comes later is too.
func (c *ClusterPushSecret) Claims(ctx context.Context, around api.Surroundings) ([]*policy.Claim, error) {
	spec, at := &c.Spec.PushSecretSpec, specPath().Child("pushSecretSpec")
	return claimsOfEach(ctx, around, c.Spec.NamespaceSelectors, c.Spec.Unknown, func(a *asker) error { return spec.ask(ctx, a, at) })
}

// Refers has nothing: the PushSecrets refer.
func (*ClusterPushSecret) Refers() []api.Referent { return nil }

// OtherProvider is none: stores name providers.
func (*ClusterPushSecret) OtherProvider() *field.Path { return nil }

// metadataName is on every namespace of a cluster, by the apiserver.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name
const metadataName = "kubernetes.io/metadata.name"

// claimsOfEach asks in each namespace that a selector selects.
func claimsOfEach(ctx context.Context, around api.Surroundings, selectors []*metav1.LabelSelector, unknown []string, ask func(*asker) error) ([]*policy.Claim, error) {
	claims := refusal("", unknownProblems(unknown, specPath()))
	names, err := namespaces(ctx, around, selectors)
	if err != nil {
		return nil, err
	}
	around = api.Remember(around)
	for _, name := range names {
		asker := &asker{Surroundings: around, namespace: name}
		if err := ask(asker); err != nil {
			return nil, err
		}
		claims = append(claims, asker.claims...)
	}
	return claims, nil
}

// namespaces are sorted. A selector that is none makes ESO do nothing, and
// selects none here.
func namespaces(ctx context.Context, around api.Surroundings, selectors []*metav1.LabelSelector) ([]string, error) {
	var all []string
	for _, one := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(one)
		if err != nil {
			selector = labels.Nothing()
		}
		some, err := around.Namespaces(ctx, selector)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
