package config

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const policyHead = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"

func configMap(name string, data map[string]string) corev1.ConfigMap {
	return corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func keysOf(g lastGood) map[string][]string {
	keys := map[string][]string{}
	for name, documents := range g {
		for _, document := range documents {
			keys[name] = append(keys[name], document.Key)
		}
	}
	return keys
}

// A change is all or nothing per ConfigMap.
func TestMergeKeepsTheLastGood(t *testing.T) {
	good := configMap("a", map[string]string{"1.yaml": policyHead + "allow: []", "2.yaml": policyHead + "allow: []", "README.md": "not policy"})
	before, failed := lastGood{}.merge([]corev1.ConfigMap{good})
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	tests := map[string]struct {
		configMaps []corev1.ConfigMap
		want       map[string][]string
		failed     []string
	}{
		"unchanged":             {[]corev1.ConfigMap{good}, map[string][]string{"a": {"1.yaml", "2.yaml"}}, nil},
		"one key bad":           {[]corev1.ConfigMap{configMap("a", map[string]string{"1.yaml": policyHead + "allow: []", "2.yaml": "{"})}, map[string][]string{"a": {"1.yaml", "2.yaml"}}, []string{"a"}},
		"one key gone":          {[]corev1.ConfigMap{configMap("a", map[string]string{"1.yaml": policyHead + "allow: []"})}, map[string][]string{"a": {"1.yaml"}}, nil},
		"all keys gone":         {[]corev1.ConfigMap{configMap("a", nil)}, map[string][]string{"a": {"1.yaml", "2.yaml"}}, []string{"a"}},
		"a bad one beside it":   {[]corev1.ConfigMap{good, configMap("b", map[string]string{"x.yaml": "{"})}, map[string][]string{"a": {"1.yaml", "2.yaml"}}, []string{"b"}},
		"a good one beside it":  {[]corev1.ConfigMap{good, configMap("b", map[string]string{"x.yaml": policyHead + "allow: []"})}, map[string][]string{"a": {"1.yaml", "2.yaml"}, "b": {"x.yaml"}}, nil},
		"the ConfigMap is gone": {nil, map[string][]string{}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			candidate, failed := before.merge(tc.configMaps)
			if diff := cmp.Diff(tc.want, keysOf(candidate)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.failed, slices.Sorted(maps.Keys(failed))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
