package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestPoint3InstallChartChangesNothingButTheWebhooksAddress(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	release := Release{
		Name: "small", Namespace: "small", Chart: "test/harness/testdata/chart", Values: map[string]any{"greeting": "hello"},
	}
	if err := shared.InstallChart(ctx, release); err != nil {
		t.Fatal(err)
	}
	greeting := &unstructured.Unstructured{}
	greeting.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Greeting"})
	if err := shared.Client.Get(ctx, client.ObjectKey{Namespace: "small", Name: "small"}, greeting); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := unstructured.NestedString(greeting.Object, "spec", "text"); got != "hello" {
		t.Errorf("text %q, want the one of the values", got)
	}
	configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := shared.Client.Get(ctx, client.ObjectKey{Name: "small"}, configuration); err != nil {
		t.Fatal(err)
	}
	got := configuration.Webhooks[0]
	if want := new(fmt.Sprintf("https://localhost:%d/check", must(shared.service(release))(t).port)); !cmp.Equal(want, got.ClientConfig.URL) {
		t.Errorf("url (-want +got):\n%s", cmp.Diff(want, got.ClientConfig.URL))
	}
	if got.ClientConfig.Service != nil || *got.TimeoutSeconds != 3 || *got.FailurePolicy != admissionregistrationv1.Fail {
		t.Errorf("the webhook is %+v", got)
	}
}

func TestInstallChartSaysWhatHelmSays(t *testing.T) {
	t.Parallel()
	err := shared.InstallChart(t.Context(), Release{Name: "countersign", Namespace: "nowhere"})
	if err == nil || !strings.Contains(err.Error(), "vault.address") {
		t.Errorf("error %v: want helm's words about vault.address", err)
	}
}

func TestPoint3ControllersCollectGarbageAndNamespaces(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "garbage"}}
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "garbage", Name: "owner"}}
	if err := errors.Join(shared.Client.Create(ctx, namespace), shared.Client.Create(ctx, owner)); err != nil {
		t.Fatal(err)
	}
	owned := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "garbage", Name: "owned",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}},
	}}
	if err := errors.Join(shared.Client.Create(ctx, owned), shared.Client.Delete(ctx, owner)); err != nil {
		t.Fatal(err)
	}
	Await(t, time.Minute, gone(owned))
	if err := shared.Client.Delete(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	Await(t, time.Minute, gone(namespace))
}

func gone(object client.Object) func(context.Context) error {
	return func(ctx context.Context) error {
		err := shared.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
		if err == nil {
			return fmt.Errorf("%s is still there", object.GetName())
		}
		return client.IgnoreNotFound(err)
	}
}

func TestKubectlReportsHowItEnded(t *testing.T) {
	t.Parallel()
	manifest := "{apiVersion: v1, kind: ConfigMap, metadata: {name: from-kubectl, namespace: default}}"
	output := must(shared.Kubectl(t.Context(), manifest, "apply", "-f", "-"))(t)
	if want := (Output{Stdout: "configmap/from-kubectl created\n"}); output != want {
		t.Errorf("kubectl (-want +got):\n%s", cmp.Diff(want, output))
	}
	output = must(shared.Kubectl(t.Context(), "", "get", "configmap", "no-such"))(t)
	if output.ExitCode != 1 || !strings.Contains(output.Stderr, "NotFound") {
		t.Errorf("kubectl of what is not there: %+v", output)
	}
}
