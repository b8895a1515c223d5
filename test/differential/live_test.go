package differential

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/policy"
)

const livePolicy = head + `
allow:
- name: by-label
  namespaces: {matchLabels: {tier: live}}
  paths: ["secret/data/{namespace}/*"]
  roles: [live]
`

const liveSettings = `apiVersion: countersign.dev/v1alpha1
kind: Settings
vaults: {default: {address: "https://vault.example:8200", authMount: k8s-eu}}
`

// The command asks a cluster for everything, and what it writes is in force
// when its script has run.
func TestCommandWritesForTheNamespacesOfACluster(t *testing.T) {
	meta := func(name string, labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "countersign-system", Labels: labels}
	}
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "countersign-system"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "live-one", Labels: map[string]string{"tier": "live"}}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "live-two"}},
		&corev1.ConfigMap{ObjectMeta: meta("policy", map[string]string{policy.Label: "true"}), Data: map[string]string{"p.yaml": livePolicy}},
		&corev1.ConfigMap{ObjectMeta: meta("settings", nil), Data: map[string]string{"settings.yaml": liveSettings}},
	} {
		if err := shared.Client.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	runScript(t, countersign(t, "policy", "vault", "--live", "--kubeconfig", shared.Kubeconfig, "-o", "commands"))

	token := logIn(t, otherMount, "live", account(t, "countersign-system", "countersign", "vault"))
	if token == "" {
		t.Fatal("Vault refuses the role")
	}
	for path, want := range map[string]bool{"secret/data/live-one/db": true, "secret/data/live-two/db": false} {
		if got := reads(t, token, path); got != want {
			t.Errorf("%s: read %t, want %t", path, got, want)
		}
	}
}

// countersign runs the binary that "make build" leaves in bin/.
func countersign(t *testing.T, args ...string) string {
	t.Helper()
	const binary = "../../bin/countersign"
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	output, err := exec.CommandContext(t.Context(), binary, args...).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%v: %s", err, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}
