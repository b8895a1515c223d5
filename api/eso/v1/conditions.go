package v1

import (
	"context"
	"regexp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
)

// mayUse reports whether the conditions of a store let a namespace use it.
// https://external-secrets.io/latest/api/clustersecretstore/
func (s *SecretStoreSpec) mayUse(ctx context.Context, around api.Surroundings, namespace string) (bool, error) {
	for i := range s.Conditions {
		if matched, err := s.Conditions[i].matches(ctx, around, namespace); matched || err != nil {
			return matched, err
		}
	}
	return len(s.Conditions) == 0, nil
}

func (c *StoreCondition) matches(ctx context.Context, around api.Surroundings, namespace string) (bool, error) {
	if slices.Contains(c.Namespaces, namespace) || slices.ContainsFunc(c.NamespaceRegexes, func(text string) bool {
		// One that does not compile matches nothing.
		expression, err := regexp.Compile(text)
		return err == nil && expression.MatchString(namespace)
	}) {
		return true, nil
	}
	if c.NamespaceSelector == nil {
		return false, nil
	}
	names, err := namespaces(ctx, around, []*metav1.LabelSelector{c.NamespaceSelector})
	return slices.Contains(names, namespace), err
}
