package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// toURL turns each clientConfig.service of a webhook configuration into a URL
// with the same path, and touches nothing else.
func toURL(object *unstructured.Unstructured, port int) error {
	if kind := object.GetKind(); kind != "MutatingWebhookConfiguration" && kind != "ValidatingWebhookConfiguration" {
		return nil
	}
	webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, webhook := range webhooks {
		fields, ok := webhook.(map[string]any)
		if !ok {
			return errors.New("webhooks: not objects")
		}
		path, found, err := unstructured.NestedString(fields, "clientConfig", "service", "path")
		if err != nil || !found {
			return fmt.Errorf("webhook %v: no clientConfig.service.path", fields["name"])
		}
		unstructured.RemoveNestedField(fields, "clientConfig", "service")
		url := fmt.Sprintf("https://localhost:%d%s", port, path)
		if err := unstructured.SetNestedField(fields, url, "clientConfig", "url"); err != nil {
			return err
		}
	}
	return unstructured.SetNestedSlice(object.Object, webhooks, "webhooks")
}

// probeWebhooks is nil when the apiserver calls the stamp and trusts what
// answers. The apiserver learns of the CA by a watch, so a process can be
// ready before it is called, and for the stamp nobody would notice. A dry run
// of an ExternalSecret that asks nothing of Vault leaves no trace.
func (e *Env) probeWebhooks(ctx context.Context, release Release) error {
	configured := &admissionregistrationv1.MutatingWebhookConfigurationList{}
	err := e.Client.List(ctx, configured, client.MatchingLabels{"app.kubernetes.io/instance": release.Name})
	if err != nil || len(configured.Items) == 0 {
		return err
	}
	stamp := &configured.Items[0].Webhooks[0]
	probe := asksNothing(stamp.Rules[0].APIGroups[0])
	probe.SetNamespace(called(stamp.NamespaceSelector, release.Namespace))
	probe.SetName("harness-probe")
	err = e.Client.Create(ctx, probe, client.DryRunAll)
	// Refused by the webhook itself is as good, where other backends are.
	if err != nil && !strings.Contains(err.Error(), "denied the request") {
		return err
	}
	if err == nil && probe.GetAnnotations()["countersign.dev/stamped-at"] == "" {
		return errors.New("the apiserver does not call the stamp webhook yet")
	}
	return nil
}

// asksNothing is an ExternalSecret of a dialect: of another backend than Vault,
// or of a store that does not exist.
func asksNothing(group string) *unstructured.Unstructured {
	spec := map[string]any{"backendType": "systemManager"}
	if group == "external-secrets.io" {
		spec = map[string]any{"secretStoreRef": map[string]any{"name": "harness-probe"}}
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1", Kind: "ExternalSecret"})
	return object
}

// called is a namespace that a webhook is called for.
func called(selector *metav1.LabelSelector, otherwise string) string {
	if selector == nil || len(selector.MatchExpressions) == 0 {
		return otherwise
	}
	return selector.MatchExpressions[0].Values[0]
}
