package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

const (
	policyHead = "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\n"
	mounts     = "mounts: {kv: {kv: 2}}\n"
	grant      = mounts + `allow: [{name: own, namespaces: {names: ["team-*"]}, paths: ["kv/data/{namespace}/*"], roles: [reader]}]`
	byLabel    = mounts + `allow: [{name: tier, namespaces: {matchLabels: {tier: web}}, paths: ["kv/data/{namespace}/*"], roles: [reader]}]`
	denyOne    = mounts + `allow: []` + "\n" + `deny: [{name: no-a, paths: ["kv/data/team-a/*"]}]`
	nothing    = "allow: []"
	unparsable = "allow: []\nrules: []"
)

func policyConfigMap(name, text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "countersign", Name: name, Labels: map[string]string{policy.Label: "true"}},
		Data:       map[string]string{"policy.yaml": policyHead + text},
	}
}

func unlabelled(configMap *corev1.ConfigMap) *corev1.ConfigMap {
	configMap.Labels = nil
	return configMap
}

func policySettings() policy.Settings {
	return policy.Settings{
		Enforcement:  policy.Enforcement{Default: policy.Enforce, Namespaces: map[string]policy.Mode{"team-warned": policy.Warn, "team-audited": policy.Audit}},
		DefaultVault: "default", DefaultAuthMounts: map[string]string{"default": "kubernetes"},
	}
}

func defaults() api.Defaults {
	return api.Defaults{Vault: "default", AuthMount: "kubernetes", Role: "reader"}
}

func externalSecret(namespace, name, path string) *kesv1.ExternalSecret {
	object := &kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	object.Spec.BackendType = kesv1.BackendVault
	object.Spec.DataFrom = []string{path}
	return object
}

func clientOf(t *testing.T, objects ...client.Object) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, kesv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

// newGuard knows the objects of two namespaces, team-a and team-b.
func newGuard(t *testing.T, standing ...*corev1.ConfigMap) *Guard {
	t.Helper()
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-b", Labels: map[string]string{"tier": "web"}}},
		externalSecret("team-a", "app", "kv/data/team-a/app"),
		externalSecret("team-b", "app", "kv/data/team-b/app"),
		externalSecret("team-b", "other", "kv/data/team-b/other"),
		externalSecret("team-gone", "app", "kv/data/team-gone/app"),
		&kesv1.ExternalSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "of-aws"}},
	}
	for _, configMap := range standing {
		objects = append(objects, configMap)
	}
	known := clientOf(t, objects...)
	return &Guard{
		Live:       &config.LivePolicy{Namespace: "countersign", Settings: policySettings()},
		ConfigMaps: known,
		Impact: &Impact{
			Judge: &config.Judge{Namespaces: known, Live: known}, Objects: known,
			NewLists: func() []client.ObjectList { return []client.ObjectList{&kesv1.ExternalSecretList{}} }, Defaults: defaults(),
		},
	}
}

// ask sends a change as the apiserver would; nil is no object.
func ask(t *testing.T, guard *Guard, old, changed *corev1.ConfigMap) (admission.Warnings, error) {
	t.Helper()
	switch {
	case old == nil:
		return guard.ValidateCreate(t.Context(), changed)
	case changed == nil:
		return guard.ValidateDelete(t.Context(), old)
	}
	return guard.ValidateUpdate(t.Context(), old, changed)
}

func TestGuard(t *testing.T) {
	const allDenied = "the change newly denies 3 ExternalSecrets: team-a/app, team-b/app, team-b/other"
	a := func(text string) *corev1.ConfigMap { return policyConfigMap("a", text) }
	b := func(text string) *corev1.ConfigMap { return policyConfigMap("b", text) }
	tests := map[string]struct {
		standing     []*corev1.ConfigMap
		old, changed *corev1.ConfigMap
		want         admission.Warnings
		refused      string
	}{
		"a good one, the first": {changed: a(grant)},
		"a good one more":       {standing: []*corev1.ConfigMap{b(nothing)}, changed: a(grant), want: admission.Warnings{"the change newly allows 3 ExternalSecrets: team-a/app, team-b/app, team-b/other"}},
		"tightened":             {standing: []*corev1.ConfigMap{a(grant)}, old: a(grant), changed: a(nothing), want: admission.Warnings{allDenied}},
		"one denies, one loses": {standing: []*corev1.ConfigMap{a(grant)}, changed: b(denyOne), want: admission.Warnings{"the change newly denies 1 ExternalSecret: team-a/app"}},
		"both": {standing: []*corev1.ConfigMap{a(strings.ReplaceAll(grant, "team-*", "team-a"))}, old: a(grant), changed: a(strings.ReplaceAll(grant, "team-*", "team-b")), want: admission.Warnings{
			"the change newly denies 1 ExternalSecret: team-a/app", "the change newly allows 2 ExternalSecrets: team-b/app, team-b/other",
		}},
		"lint warns": {standing: []*corev1.ConfigMap{a(nothing)}, old: a(nothing), changed: a(byLabel), want: admission.Warnings{
			`data[policy.yaml]: 4:35: allow[0].namespaces.matchLabels: Invalid value: {"tier":"web"}: whoever may label namespaces grants this; names are safer`,
			"the change newly allows 2 ExternalSecrets: team-b/app, team-b/other",
		}},
		"lint warns of others too": {standing: []*corev1.ConfigMap{a(byLabel)}, changed: b(nothing)},

		"does not parse":   {standing: []*corev1.ConfigMap{b(grant)}, changed: a(unparsable), refused: `data[policy.yaml]: Invalid value: 4:1: unknown field "rules"`},
		"does not compile": {standing: []*corev1.ConfigMap{b(grant)}, changed: a(strings.ReplaceAll(grant, "/*", "/**")), refused: `data[policy.yaml]: Invalid value: 4:62: allow[0].paths[0]: Invalid value: "kv/data/{namespace}/**": `},
		"no key":           {changed: &corev1.ConfigMap{ObjectMeta: a("").ObjectMeta}, refused: "data: Invalid value: a: no key ends in .yaml, so there is no policy in it"},
		"takes a mount from another": {
			standing: []*corev1.ConfigMap{a(mounts + nothing), b(strings.TrimPrefix(grant, mounts))}, old: a(mounts + nothing), changed: a(nothing),
			refused: `data: Invalid value: b[policy.yaml]:3:62: allow[0].paths[0]: Invalid value: "kv/data/{namespace}/*": `,
		},
		"the label added to a bad one": {old: unlabelled(a(unparsable)), changed: a(unparsable), refused: "data[policy.yaml]: Invalid value: 4:1: "},
		"still bad":                    {standing: []*corev1.ConfigMap{a(unparsable)}, old: a(unparsable), changed: a(unparsable + " "), refused: "data[policy.yaml]: Invalid value: 4:1: "},
		"mended":                       {standing: []*corev1.ConfigMap{a(unparsable)}, old: a(unparsable), changed: a(grant)},
		"bad, and no change of it":     {standing: []*corev1.ConfigMap{a(unparsable)}, old: a(unparsable), changed: a(unparsable)},
		"another one is bad":           {standing: []*corev1.ConfigMap{b(unparsable)}, changed: a(grant)},
		"another one does not compile": {standing: []*corev1.ConfigMap{b("allow: [{}]")}, changed: a(grant)},

		"deleted":                 {standing: []*corev1.ConfigMap{a(grant), b(nothing)}, old: a(grant), want: admission.Warnings{allDenied}},
		"deleted, with a deny":    {standing: []*corev1.ConfigMap{a(grant), b(denyOne)}, old: b(denyOne), want: admission.Warnings{"the change newly allows 1 ExternalSecret: team-a/app"}},
		"the label taken away":    {standing: []*corev1.ConfigMap{a(grant), b(nothing)}, old: a(grant), changed: unlabelled(a(grant)), want: admission.Warnings{allDenied}},
		"deleted, a bad one":      {standing: []*corev1.ConfigMap{a(unparsable), b(nothing)}, old: a(unparsable)},
		"deleted, others are bad": {standing: []*corev1.ConfigMap{a(nothing), b(unparsable)}, old: a(nothing)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t, newGuard(t, tc.standing...), tc.old, tc.changed)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if told := fmt.Sprint(err); (err != nil) != (tc.refused != "") || !strings.Contains(told, tc.refused) {
				t.Errorf("refused: %s", told)
			}
		})
	}
}

// Only the first problems are told, and how many there are.
func TestGuardBoundsProblems(t *testing.T) {
	rules := make([]string, 0, 14)
	for i := range 14 {
		rules = append(rules, fmt.Sprintf(`{name: r%d, namespaces: {names: ["*"]}, paths: ["kv/**"], roles: [reader]}`, i))
	}
	_, err := ask(t, newGuard(t), nil, policyConfigMap("a", mounts+"allow: ["+strings.Join(rules, ", ")+"]"))
	told := err.Error()
	if strings.Count(told, "data[policy.yaml]: Invalid value: 4:") != 10 || !strings.HasSuffix(told, "data: Invalid value: and 4 more problems; see countersign policy lint]") {
		t.Errorf("refused: %s", told)
	}
	_, err = ask(t, newGuard(t), nil, policyConfigMap("a", strings.ReplaceAll(mounts+"allow: ["+strings.Join(rules, ", ")+"]", "kv/**", "kv/data/x")))
	if err != nil {
		t.Fatal(err)
	}
	warnings, err := ask(t, newGuard(t), nil, policyConfigMap("a", strings.ReplaceAll(strings.ReplaceAll(mounts+"allow: ["+strings.Join(rules, ", ")+"]", "kv/**", "kv/data/x"), `names: ["*"]`, "matchLabels: {a: b}")))
	if err != nil || len(warnings) != 11 || !strings.HasPrefix(warnings[10], "and ") {
		t.Errorf("warnings: %q, %v", warnings, err)
	}
}

// What cannot be decided passes: an error would refuse, whatever the webhook's
// failurePolicy.
func TestGuardThatCannotDecide(t *testing.T) {
	broken := interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return errors.New("out of order")
	}}
	standing := policyConfigMap("a", grant)
	t.Run("ConfigMaps", func(t *testing.T) {
		guard := newGuard(t, standing)
		guard.ConfigMaps = interceptor.NewClient(clientOf(t), broken)
		for _, changed := range []*corev1.ConfigMap{policyConfigMap("a", unparsable), nil} {
			warnings, err := ask(t, guard, standing, changed)
			if err != nil || !slices.Equal(warnings, admission.Warnings{"the policy was not checked, its ConfigMaps cannot be listed: out of order"}) {
				t.Errorf("%q, %v", warnings, err)
			}
		}
	})
	t.Run("objects", func(t *testing.T) {
		guard := newGuard(t, standing)
		guard.Impact.Objects = interceptor.NewClient(clientOf(t), broken)
		warnings, err := ask(t, guard, standing, policyConfigMap("a", nothing))
		if err != nil || !slices.Equal(warnings, admission.Warnings{"whom the change concerns is not known, the objects cannot be listed: out of order"}) {
			t.Errorf("%q, %v", warnings, err)
		}
	})
}
