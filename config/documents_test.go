package config

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/policy"
)

const policyHead = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"

// texts are policies by ConfigMap, without their head.
type texts map[string]string

const (
	empty       = "allow: []"
	alsoEmpty   = "allow: [] # again"
	mount       = "mounts: {kv: {kv: 2}}\nallow: []"
	otherMount  = "mounts: {kv: {kv: 1}}\nallow: []"
	usesMount   = "allow: []\ndeny: [{name: all, paths: [kv/*]}]"
	mountAndUse = "mounts: {kv: {kv: 2}}\nallow: []\ndeny: [{name: all, paths: [kv/*]}]"
	badYAML     = "{"
	badPattern  = "allow: []\ndeny: [{name: all, paths: [kv/**]}]"
)

func configMapsOf(texts texts) []corev1.ConfigMap {
	var configMaps []corev1.ConfigMap
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		configMaps = append(configMaps, corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Data:       map[string]string{"policy.yaml": policyHead + texts[name], "README.md": "not policy"},
		})
	}
	return configMaps
}

func textsOf(entries entries) texts {
	found := texts{}
	for name, entry := range entries {
		found[name] = strings.TrimPrefix(entry.data["policy.yaml"], policyHead)
	}
	return found
}

func goodOf(t *testing.T, before texts) *lastGood {
	t.Helper()
	if len(before) == 0 {
		return &lastGood{}
	}
	preview := (&lastGood{}).take(configMapsOf(before), policy.Settings{})
	if len(preview.Failed) > 0 {
		t.Fatal(preview.Failed)
	}
	return preview.good
}

// A change is all or nothing per ConfigMap, and what is not taken in stays as
// it was.
func TestTake(t *testing.T) {
	tests := map[string]struct {
		before, now, want texts
		failed            []string
	}{
		"unchanged":                      {texts{"a": empty}, texts{"a": empty}, texts{"a": empty}, nil},
		"changed":                        {texts{"a": empty}, texts{"a": alsoEmpty}, texts{"a": alsoEmpty}, nil},
		"one more":                       {texts{"a": empty}, texts{"a": empty, "b": empty}, texts{"a": empty, "b": empty}, nil},
		"one less":                       {texts{"a": empty, "b": empty}, texts{"a": empty}, texts{"a": empty}, nil},
		"does not parse":                 {texts{"a": empty}, texts{"a": badYAML}, texts{"a": empty}, []string{"a"}},
		"does not compile":               {texts{"a": empty}, texts{"a": badPattern}, texts{"a": empty}, []string{"a"}},
		"a bad one more":                 {texts{"a": empty}, texts{"a": empty, "b": badYAML}, texts{"a": empty}, []string{"b"}},
		"one more that does not compile": {texts{"a": empty}, texts{"a": empty, "b": badPattern}, texts{"a": empty}, []string{"b"}},
		"a good change beside one that does not parse":   {texts{"a": empty, "b": empty}, texts{"a": badYAML, "b": alsoEmpty}, texts{"a": empty, "b": alsoEmpty}, []string{"a"}},
		"a good change beside one that does not compile": {texts{"a": empty, "b": empty}, texts{"a": badPattern, "b": alsoEmpty}, texts{"a": empty, "b": alsoEmpty}, []string{"a"}},
		"deleted beside a bad one":                       {texts{"a": empty, "b": empty}, texts{"b": badYAML}, texts{"b": empty}, []string{"b"}},

		"the last one deleted":                     {texts{"a": empty}, nil, texts{"a": empty}, []string{"a"}},
		"all deleted at once":                      {texts{"a": empty, "b": empty}, nil, texts{"a": empty, "b": empty}, []string{"a", "b"}},
		"the last good one deleted, a bad one new": {texts{"a": empty}, texts{"b": badYAML}, texts{"a": empty}, []string{"a", "b"}},
		"replaced by one of another name":          {texts{"a": empty}, texts{"b": empty}, texts{"b": empty}, nil},
		"replaced by one that does not compile":    {texts{"a": empty}, texts{"b": badPattern}, texts{"a": empty}, []string{"a", "b"}},

		"a mount moves to another":                        {texts{"a": mountAndUse, "b": empty}, texts{"a": usesMount, "b": mount}, texts{"a": usesMount, "b": mount}, nil},
		"a mount moves to another beside a bad one":       {texts{"a": mountAndUse, "b": empty, "c": empty}, texts{"a": usesMount, "b": mount, "c": badPattern}, texts{"a": usesMount, "b": mount, "c": empty}, []string{"c"}},
		"the change of a mount is at fault, not its user": {texts{"a": mount, "b": usesMount}, texts{"a": empty, "b": usesMount}, texts{"a": mount, "b": usesMount}, []string{"a"}},
		"the mount of a user is deleted":                  {texts{"a": mount, "b": usesMount}, texts{"b": usesMount}, texts{"a": mount, "b": usesMount}, []string{"a"}},
		"another version of a mount":                      {texts{"a": mount, "b": mount}, texts{"a": otherMount, "b": mount}, texts{"a": mount, "b": mount}, []string{"a"}},
		"a mount and its user deleted beside a bad one":   {texts{"a": mount, "b": usesMount, "c": empty}, texts{"c": badPattern}, texts{"c": empty}, []string{"c"}},

		"at first nothing":                          {nil, nil, texts{}, []string{""}},
		"at first one":                              {nil, texts{"a": empty}, texts{"a": empty}, nil},
		"at first one that does not parse":          {nil, texts{"a": badYAML}, texts{}, []string{"a"}},
		"at first one of two that does not parse":   {nil, texts{"a": empty, "b": badYAML}, texts{}, []string{"b"}},
		"at first one of two that does not compile": {nil, texts{"a": empty, "b": badPattern}, texts{}, []string{"b"}},
		"at first two mounts that differ":           {nil, texts{"a": mount, "b": otherMount}, texts{}, []string{"b"}},
		"at first both faults":                      {nil, texts{"a": badYAML, "b": badPattern}, texts{}, []string{"a", "b"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			before, now := goodOf(t, tc.before), configMapsOf(tc.now)
			got := before.take(now, policy.Settings{})
			if diff := cmp.Diff(tc.want, textsOf(got.good.entries)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.failed, slices.Sorted(maps.Keys(got.Failed))); diff != "" {
				t.Error(diff)
			}
			if (got.Policy() == nil) != (len(tc.want) == 0) {
				t.Errorf("policy %s of %v", got.Policy().Revision(), tc.want)
			}
			again := got.good.take(now, policy.Settings{})
			if got.Policy() != nil && again.Policy().Revision() != got.Policy().Revision() {
				t.Errorf("taken in again, the same ConfigMaps make %v", textsOf(again.good.entries))
			}
			slices.Reverse(now)
			if other := before.take(now, policy.Settings{}); other.Policy().Revision() != got.Policy().Revision() {
				t.Errorf("in another order, the same ConfigMaps make %v", textsOf(other.good.entries))
			}
		})
	}
}

// A key that is gone goes, and one bad key keeps the whole ConfigMap.
func TestTakeKeys(t *testing.T) {
	holding := func(data map[string]string) []corev1.ConfigMap {
		return []corev1.ConfigMap{{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Data: data}}
	}
	good := policyHead + empty
	before := (&lastGood{}).take(holding(map[string]string{"1.yaml": good, "2.yaml": good}), policy.Settings{}).good
	tests := map[string]struct {
		data   map[string]string
		want   []string
		failed bool
	}{
		"one key bad":            {map[string]string{"1.yaml": good + " # new", "2.yaml": badYAML}, []string{"1.yaml", "2.yaml"}, true},
		"one key gone":           {map[string]string{"1.yaml": good}, []string{"1.yaml"}, false},
		"one key more":           {map[string]string{"1.yaml": good, "2.yaml": good, "3.yaml": good}, []string{"1.yaml", "2.yaml", "3.yaml"}, false},
		"all keys gone":          {nil, []string{"1.yaml", "2.yaml"}, true},
		"no key of policy left":  {map[string]string{"README.md": good}, []string{"1.yaml", "2.yaml"}, true},
		"a key that is not read": {map[string]string{"1.yaml": good, "2.yaml": good, "x.json": badYAML}, []string{"1.yaml", "2.yaml"}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			preview := before.take(holding(tc.data), policy.Settings{})
			var keys []string
			for _, document := range preview.Documents() {
				keys = append(keys, document.Key)
			}
			if diff := cmp.Diff(tc.want, keys); diff != "" {
				t.Error(diff)
			}
			if got := len(preview.Failed) > 0; got != tc.failed {
				t.Errorf("failed: %v", preview.Failed)
			}
		})
	}
}

// Whoever reads an error learns which change is at fault, and where.
func TestTakeTellsPlaces(t *testing.T) {
	before := goodOf(t, texts{"a": mount, "b": usesMount})
	failed := before.take(configMapsOf(texts{"a": empty, "b": usesMount}), policy.Settings{}).Failed
	if got := failed["a"].Error(); !strings.HasPrefix(got, `b[policy.yaml]:4:28: deny[0].paths[0]: Invalid value: "kv/*": `) {
		t.Errorf("got %s", got)
	}
	failed = before.take(configMapsOf(texts{"a": mount, "b": badPattern}), policy.Settings{}).Failed
	if got := failed["b"].Error(); !strings.HasPrefix(got, `b[policy.yaml]:4:28: deny[0].paths[0]: Invalid value: "kv/**": `) {
		t.Errorf("got %s", got)
	}
}
