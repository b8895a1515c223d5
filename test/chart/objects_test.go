package chart_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/policy"
)

// TestNoCABundle: an upgrade would overwrite what the rotation wrote there.
func TestNoCABundle(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		for _, rendered := range all {
			if bytes.Contains(rendered.raw, []byte("caBundle")) {
				t.Errorf("%s %s carries a caBundle", rendered.Kind, rendered.Metadata.Name)
			}
		}
	})
}

// TestCertSecretIsNotHelms: helm owns no key of it, and never deletes it.
func TestCertSecretIsNotHelms(t *testing.T) {
	all := parse(t, mustRender(t, "--values", cases(t)["default"]))
	secret := named[corev1.Secret](t, all, "Secret", "countersign-webhook-cert")
	if secret.Data != nil || secret.StringData != nil {
		t.Error("the Secret has data")
	}
	if got := secret.Annotations["helm.sh/resource-policy"]; got != "keep" {
		t.Errorf("resource policy is %q", got)
	}
}

// TestLastGoodIsNotHelms: helm owns no key of it, and it is no policy itself.
func TestLastGoodIsNotHelms(t *testing.T) {
	all := parse(t, mustRender(t, "--values", cases(t)["default"]))
	kept := named[corev1.ConfigMap](t, all, "ConfigMap", "countersign-last-good")
	if kept.Data != nil || kept.BinaryData != nil {
		t.Error("the ConfigMap has data")
	}
	if _, ok := kept.Labels[policy.Label]; ok {
		t.Error("the ConfigMap has the policy label")
	}
}

func TestFailurePolicies(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		stamp := named[admissionregistrationv1.MutatingWebhookConfiguration](t, all, "MutatingWebhookConfiguration", "countersign")
		enforce := named[admissionregistrationv1.ValidatingWebhookConfiguration](t, all, "ValidatingWebhookConfiguration", "countersign")
		got := map[string]admissionregistrationv1.FailurePolicyType{}
		for _, webhook := range stamp.Webhooks {
			got[webhook.Name] = *webhook.FailurePolicy
		}
		for _, webhook := range enforce.Webhooks {
			got[webhook.Name] = *webhook.FailurePolicy
		}
		want := map[string]admissionregistrationv1.FailurePolicyType{
			"stamp.countersign.dev":   admissionregistrationv1.Ignore,
			"enforce.countersign.dev": admissionregistrationv1.Fail,
			"policy.countersign.dev":  admissionregistrationv1.Ignore,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestFloorIsStatic: it needs no parameter and denies.
func TestFloorIsStatic(t *testing.T) {
	forEachCase(t, func(t *testing.T, _ string, all objects) {
		floor := named[admissionregistrationv1.ValidatingAdmissionPolicy](t, all, "ValidatingAdmissionPolicy", "countersign-floor")
		binding := named[admissionregistrationv1.ValidatingAdmissionPolicyBinding](t, all, "ValidatingAdmissionPolicyBinding", "countersign-floor")
		if floor.Spec.ParamKind != nil || binding.Spec.ParamRef != nil {
			t.Error("the floor takes parameters")
		}
		want := []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
		if diff := cmp.Diff(want, binding.Spec.ValidationActions); diff != "" || binding.Spec.PolicyName != floor.Name {
			t.Errorf("binding of %s: %s", binding.Spec.PolicyName, diff)
		}
	})
}

// TestCRDs: the generated files are rendered as they are, but for labels and
// the annotation that keeps them.
func TestCRDs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(chartDir, "files", "crds", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs in the chart: %v", err)
	}
	for name, test := range map[string]struct {
		values   []string
		rendered int
		policy   string
	}{
		"default":       {nil, len(files), "keep"},
		"not kept":      {[]string{"--set", "crds.keep=false"}, len(files), ""},
		"not installed": {[]string{"--set", "crds.install=false"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--values", cases(t)["default"]}, test.values...)
			crds := parse(t, mustRender(t, args...)).of("CustomResourceDefinition")
			if len(crds) != test.rendered {
				t.Fatalf("%d CRDs are rendered, want %d", len(crds), test.rendered)
			}
			for _, crd := range crds {
				checkCRD(t, crd, test.policy)
			}
		})
	}
}

func checkCRD(t *testing.T, crd object, policy string) {
	t.Helper()
	if got := crd.Metadata.Annotations["helm.sh/resource-policy"]; got != policy {
		t.Errorf("%s: resource policy is %q, want %q", crd.Metadata.Name, got, policy)
	}
	if crd.Metadata.Labels["app.kubernetes.io/managed-by"] != "Helm" {
		t.Errorf("%s lacks the chart's labels", crd.Metadata.Name)
	}
	want, got := crdFile(t, crd.Metadata.Name), map[string]any{}
	if err := yaml.Unmarshal(crd.raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want["spec"], got["spec"]); diff != "" {
		t.Errorf("%s (-file +rendered):\n%s", crd.Metadata.Name, diff)
	}
	for key, value := range annotations(want) {
		if crd.Metadata.Annotations[key] != value {
			t.Errorf("%s lost the annotation %s", crd.Metadata.Name, key)
		}
	}
}

// crdFile reads the file of a CRD, which controller-gen names group_plural.
func crdFile(t *testing.T, name string) map[string]any {
	t.Helper()
	plural, group, _ := bytes.Cut([]byte(name), []byte("."))
	data, err := os.ReadFile(filepath.Join(chartDir, "files", "crds", string(group)+"_"+string(plural)+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := map[string]any{}
	if err := yaml.Unmarshal(data, &crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

func annotations(of map[string]any) map[string]any {
	metadata, _ := of["metadata"].(map[string]any)
	found, _ := metadata["annotations"].(map[string]any)
	return maps.Clone(found)
}
