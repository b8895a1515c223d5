package install

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestDryRun: the apiserver would take each object that each values file
// renders, and knows each of its fields. Those of cert-manager and the
// Prometheus operator are held to these projects' own CRDs.
func TestDryRun(t *testing.T) {
	env := newEnv(t)
	installOthers(t, env)
	for _, name := range []string{releaseNamespace, "team-a", "team-b"} {
		createNamespace(t, env, name, nil)
	}
	for name, one := range values(t) {
		t.Run(name, func(t *testing.T) {
			for _, object := range render(t, env, one) {
				err := env.Client.Create(t.Context(), copied(object), client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
				if err != nil {
					t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
				}
			}
		})
	}
}

// TestPodSecurity: the pods keep to the strictest of Kubernetes' own standards,
// and name no user, so that OpenShift can give them one.
func TestPodSecurity(t *testing.T) {
	env := newEnv(t)
	createNamespace(t, env, releaseNamespace, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	for _, name := range []string{"default", "split", "cert-manager"} {
		for _, object := range render(t, env, values(t)[name]) {
			if object.GetKind() == "ServiceAccount" {
				if err := client.IgnoreAlreadyExists(env.Client.Create(t.Context(), copied(object))); err != nil {
					t.Fatal(err)
				}
			}
			if object.GetKind() != "Deployment" {
				continue
			}
			deployment := &appsv1.Deployment{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, deployment); err != nil {
				t.Fatal(err)
			}
			pod := &corev1.Pod{ObjectMeta: deployment.Spec.Template.ObjectMeta, Spec: deployment.Spec.Template.Spec}
			pod.Namespace, pod.Name = releaseNamespace, deployment.Name
			if err := env.Client.Create(t.Context(), pod, client.DryRunAll); err != nil {
				t.Errorf("%s: a pod of %s: %v", name, deployment.Name, err)
			}
			if user := pod.Spec.SecurityContext.RunAsUser; user != nil {
				t.Errorf("%s: %s runs as user %d", name, deployment.Name, *user)
			}
		}
	}
}
