package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/countersign/countersign/test/harness"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	releaseNamespace = "countersign-system"
	role             = "reader"
	// celName is that of the ValidatingAdmissionPolicy and what it looks up.
	celName = "prefixes"
	// setupLabel on a namespace says what admits its objects.
	setupLabel = "bench.countersign.dev/setup"
)

// setups are namespaces of the same name.
const (
	setupNone        = "none"
	setupCEL         = "vap"
	setupCountersign = "countersign"
)

// stand is the apiserver with everything that admits, each for a namespace of
// its own.
type stand struct {
	env     *harness.Env
	process *harness.Process
}

func setUp(ctx context.Context, env *harness.Env) (*stand, error) {
	s := &stand{env: env}
	release := harness.Release{Name: "countersign", Namespace: releaseNamespace, Values: map[string]any{
		"vault":  map[string]any{"address": env.Vault.Addr},
		"policy": map[string]any{"mounts": map[string]any{"kv": map[string]any{"kv": 2}}},
	}}
	if err := env.InstallChart(ctx, release); err != nil {
		return nil, err
	}
	for _, name := range []string{setupNone, setupCEL, setupCountersign} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{setupLabel: name}}}
		if err := env.Client.Create(ctx, namespace); err != nil {
			return nil, err
		}
	}
	var err error
	if s.process, err = env.StartCountersign(ctx, release, harness.ProcessOptions{LogLevel: "error"}); err != nil {
		return nil, err
	}
	if err := s.process.WaitReady(ctx); err != nil {
		return nil, err
	}
	return s, errors.Join(s.confine(ctx), s.createCEL(ctx))
}

// confine has Countersign admit its namespace only, its floor included.
func (s *stand) confine(ctx context.Context) error {
	selector := fmt.Sprintf(`{"matchLabels":{%q:%q}}`, setupLabel, setupCountersign)
	webhooks := func(n int) client.Patch {
		operations := make([]string, n)
		for i := range operations {
			operations[i] = fmt.Sprintf(`{"op":"add","path":"/webhooks/%d/namespaceSelector","value":%s}`, i, selector)
		}
		return client.RawPatch(types.JSONPatchType, []byte("["+strings.Join(operations, ",")+"]"))
	}
	binding := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"matchResources":{"namespaceSelector":`+selector+`}}}`))
	named := metav1.ObjectMeta{Name: "countersign"}
	return errors.Join(
		s.env.Client.Patch(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: named}, webhooks(1)),
		s.env.Client.Patch(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: named}, webhooks(1)),
		s.env.Client.Patch(ctx, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "countersign-floor"}}, binding),
	)
}

// createCEL makes the policy that one would write without Countersign: each key
// begins with one of the prefixes in a ConfigMap.
func (s *stand) createCEL(ctx context.Context) error {
	kind := &admissionregistrationv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}
	rule := admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule: admissionregistrationv1.Rule{
			APIGroups: []string{"kubernetes-client.io"}, APIVersions: []string{"v1"}, Resources: []string{"externalsecrets"},
		},
	}}
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: celName},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			ParamKind:        kind,
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{rule}},
			Validations: []admissionregistrationv1.Validation{{
				Expression: "object.spec.dataFrom.all(key, params.data.prefixes.split(',').exists(prefix, key.startsWith(prefix)))",
			}},
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: celName},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: celName, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			ParamRef:       &admissionregistrationv1.ParamRef{Name: celName, Namespace: releaseNamespace, ParameterNotFoundAction: new(admissionregistrationv1.DenyAction)},
			MatchResources: &admissionregistrationv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{setupLabel: setupCEL}}},
		},
	}
	return errors.Join(s.env.Client.Create(ctx, policy), s.env.Client.Create(ctx, binding))
}

// setRules gives both the same number of rules; the one that allows is the last.
func (s *stand) setRules(ctx context.Context, number int) error {
	prefixes := make([]string, number)
	for i := range prefixes {
		prefixes[i] = fmt.Sprintf("kv/data/app-%d/", i)
	}
	prefixes[number-1] = "kv/data/allowed/"
	parameters := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: celName}, Data: map[string]string{celName: strings.Join(prefixes, ",")}}
	if err := s.put(ctx, parameters); err != nil {
		return err
	}
	for part := 0; part*rulesPerConfigMap < number; part++ {
		some := prefixes[part*rulesPerConfigMap : min((part+1)*rulesPerConfigMap, number)]
		if err := s.put(ctx, policyOf(part, some)); err != nil {
			return err
		}
	}
	return s.awaitRules(ctx)
}

// rulesPerConfigMap keeps below the 1 MiB that a ConfigMap holds.
const rulesPerConfigMap = 5000

func policyOf(part int, prefixes []string) *corev1.ConfigMap {
	var text strings.Builder
	text.WriteString("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {kv: {kv: 2}}\nallow:\n")
	for i, prefix := range prefixes {
		fmt.Fprintf(&text, "- {name: r%d, namespaces: {names: [%s]}, paths: [%q], roles: [%s]}\n", i, setupCountersign, prefix+"*", role)
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: fmt.Sprintf("rules-%d", part), Labels: map[string]string{"countersign.dev/policy": "true"}},
		Data:       map[string]string{"policy.yaml": text.String()},
	}
}

func (s *stand) put(ctx context.Context, configMap *corev1.ConfigMap) error {
	err := s.env.Client.Create(ctx, configMap.DeepCopy())
	if err == nil {
		return nil
	}
	return s.env.Client.Update(ctx, configMap)
}

// awaitRules returns when both refuse and allow by the new rules.
func (s *stand) awaitRules(ctx context.Context) error {
	return harness.Eventually(ctx, 100*time.Millisecond, time.Minute, func(ctx context.Context) error {
		for _, setup := range []string{setupCEL, setupCountersign} {
			if err := s.create(ctx, setup, "allowed"); err != nil {
				return fmt.Errorf("%s: %w", setup, err)
			}
			if err := s.create(ctx, setup, "app-9"); err == nil != (s.hasRule(ctx, 9)) {
				return fmt.Errorf("%s decides by other rules", setup)
			}
		}
		return nil
	})
}

// hasRule reports whether there is a rule for app-N.
func (s *stand) hasRule(ctx context.Context, n int) bool {
	parameters := &corev1.ConfigMap{}
	err := s.env.Client.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: celName}, parameters)
	return err == nil && strings.Contains(parameters.Data[celName], fmt.Sprintf("app-%d/", n))
}
