package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/test/cluster"
	"github.com/countersign/countersign/test/harness"
)

const manifest = `apiVersion: kubernetes-client.io/v1
kind: ExternalSecret
metadata: {name: NAME, namespace: team-e2e}
spec:
  backendType: vault
  vaultRole: kubernetes-external-secrets
  data:
    - {key: PATH, property: password, name: password}
`

func externalSecret(name, path string) string {
	return strings.NewReplacer("NAME", name, "PATH", path).Replace(manifest)
}

// reader mounts the Secret and prints it.
const reader = `apiVersion: v1
kind: Pod
metadata: {name: reader, namespace: team-e2e}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: reader
      image: IMAGE
      args: [/mounted/password]
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: mounted, mountPath: /mounted}]
  volumes: [{name: mounted, secret: {secretName: app}}]
`

// The first hour: install, a guarded apply, a pod that has the value; then
// uninstall, which leaves no webhook in the way of anybody, and keeps the
// Secrets, the ExternalSecrets and their kind.
func TestInstallAndUninstall(t *testing.T) {
	removeRelease(t)
	started := time.Now()
	helm(t, "install", releaseName, thisChart(), "--namespace="+cluster.ReleaseNamespace, "--create-namespace",
		"--values="+valuesFile(t, values()), "--wait", "--timeout="+within.String())
	t.Logf("installed and ready after %s", time.Since(started).Round(time.Second))

	kubectl(t, externalSecret("app", "kubernetes/data/team-e2e/app"), "apply", "-f", "-")
	refused := tryKubectl(t, externalSecret("stolen", "kubernetes/data/payments/card-keys"), "apply", "-f", "-")
	if refused.ExitCode == 0 || !strings.Contains(refused.Stderr, "allowed here: kubernetes/data/team-e2e/*") {
		t.Errorf("not refused with what is allowed: %+v", refused)
	}
	kubectl(t, "", "wait", "externalsecret/app", "--namespace="+tenant, "--for=condition=Ready", "--timeout=1m")

	kubectl(t, "", "delete", "pod", "reader", "--namespace="+tenant, "--ignore-not-found")
	kubectl(t, strings.Replace(reader, "IMAGE", shared.pause, 1), "apply", "-f", "-")
	harness.Await(t, within, func(context.Context) error {
		if printed := tryKubectl(t, "", "logs", "reader", "--namespace="+tenant); printed.Stdout != "/mounted/password: first value\n" {
			return fmt.Errorf("the pod printed %q %s", printed.Stdout, printed.Stderr)
		}
		return nil
	})

	helm(t, "uninstall", releaseName, "--namespace="+cluster.ReleaseNamespace, "--wait", "--timeout="+within.String())
	left := kubectl(t, "", "get", "validatingwebhookconfigurations,mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings", "--output=name")
	if strings.Contains(left, releaseName) {
		t.Errorf("left behind: %s", left)
	}
	kubectl(t, "", "get", "customresourcedefinition", "externalsecrets.kubernetes-client.io")
	kubectl(t, "", "get", "externalsecret/app", "secret/app", "--namespace="+tenant)
	// Nothing is in the way, and nothing judges any more.
	kubectl(t, externalSecret("later", "kubernetes/data/team-e2e/app"), "apply", "-f", "-")
	kubectl(t, "", "delete", "externalsecret", "later", "--namespace="+tenant)
}

// removeRelease where another run left one.
func removeRelease(t *testing.T) {
	t.Helper()
	helm(t, "uninstall", releaseName, "--namespace="+cluster.ReleaseNamespace, "--ignore-not-found", "--wait", "--timeout="+within.String())
}
