package webhook

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// Guard looks after the policy ConfigMaps themselves. It refuses one that would
// not be taken in, and warns of whom a change concerns. A removal is only
// warned of, so that a release can always be uninstalled, and what Guard cannot
// decide passes with a warning: the last good policy stays in force anyway.
type Guard struct {
	Live *config.LivePolicy
	// ConfigMaps are read from the apiserver: those of one apply come within
	// milliseconds, and a cache would not have the one before.
	ConfigMaps client.Reader
	// Impact finds whose verdict changes.
	Impact *Impact
}

// ValidateCreate judges a new policy.
func (g *Guard) ValidateCreate(ctx context.Context, configMap *corev1.ConfigMap) (admission.Warnings, error) {
	return g.validate(ctx, configMap.Name, configMap)
}

// ValidateUpdate judges a changed policy. Without the label it is one no more.
func (g *Guard) ValidateUpdate(ctx context.Context, old, configMap *corev1.ConfigMap) (admission.Warnings, error) {
	switch {
	case !isPolicy(configMap):
		return g.validate(ctx, configMap.Name, nil)
	case isPolicy(old) && maps.Equal(old.Data, configMap.Data):
		return nil, nil
	}
	return g.validate(ctx, configMap.Name, configMap)
}

// ValidateDelete warns.
func (g *Guard) ValidateDelete(ctx context.Context, configMap *corev1.ConfigMap) (admission.Warnings, error) {
	return g.validate(ctx, configMap.Name, nil)
}

func isPolicy(configMap *corev1.ConfigMap) bool { return configMap.Labels[policy.Label] == "true" }

// validate answers for a ConfigMap as it is to be; nil is a removed one.
func (g *Guard) validate(ctx context.Context, name string, changed *corev1.ConfigMap) (admission.Warnings, error) {
	standing := &corev1.ConfigMapList{}
	err := g.ConfigMaps.List(ctx, standing, client.InNamespace(g.Live.Namespace), client.MatchingLabels{policy.Label: "true"})
	if err != nil {
		log.FromContext(ctx).Error(err, "policy not checked")
		return admission.Warnings{"the policy was not checked, its ConfigMaps cannot be listed: " + err.Error()}, nil
	}
	return g.judge(ctx, standing.Items, name, changed)
}

func (g *Guard) judge(ctx context.Context, standing []corev1.ConfigMap, name string, changed *corev1.ConfigMap) (admission.Warnings, error) {
	before := g.Live.Preview(standing)
	after := g.Live.PreviewChange(before, withChange(standing, name, changed))
	failure := after.Failed[name]
	var warnings admission.Warnings
	switch {
	case changed != nil && failure != nil:
		log.FromContext(ctx).Info("policy refused", "problems", failure.Error())
		return nil, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ConfigMap").GroupKind(), name, fieldErrors(name, failure))
	case changed != nil:
		warnings = lintWarnings(name, after.Documents(), g.Live.Settings)
	case failure != nil:
		warnings = admission.Warnings{fmt.Sprintf("the policy of ConfigMap %s stays in force without it: %s", name, failure)}
	}
	return append(warnings, g.Impact.warnings(ctx, before.Policy(), after.Policy())...), nil
}

// withChange are the ConfigMaps with the one as it is to be, or without it.
func withChange(standing []corev1.ConfigMap, name string, changed *corev1.ConfigMap) []corev1.ConfigMap {
	others := slices.DeleteFunc(slices.Clone(standing), func(other corev1.ConfigMap) bool { return other.Name == name })
	if changed == nil {
		return others
	}
	return append(others, *changed)
}
