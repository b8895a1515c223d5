package monitoring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign/countersign/test/esocrds"
	"github.com/countersign/countersign/test/harness"
)

// violate has an object of External Secrets Operator stand that policy has come
// to deny.
func (c *cluster) violate(t *testing.T, process *harness.Process) {
	t.Helper()
	folder, err := esocrds.Folder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"externalsecrets", "secretstores", "clustersecretstores"} {
		c.do(t, "", "apply", "--server-side", "-f", filepath.Join(folder, "external-secrets.io_"+kind+".yaml"))
	}
	object := fmt.Sprintf(`apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault, namespace: %[1]s}
spec: {provider: {vault: {server: %[2]q, path: kubernetes, auth: {kubernetes: {mountPath: kubernetes, role: %[3]s}}}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: older, namespace: %[1]s}
spec: {secretStoreRef: {name: vault}, refreshPolicy: OnChange, data: [{secretKey: a, remoteRef: {key: %[1]s/older}}]}`, tenant, c.env.Vault.Addr, role)
	harness.Await(t, time.Minute, func(context.Context) error {
		if output := c.kubectl(object, "apply", "-f", "-"); output.ExitCode != 0 {
			return errors.New(output.Stderr)
		}
		return nil
	})
	c.do(t, fmt.Sprintf(`apiVersion: v1
kind: ConfigMap
metadata: {name: tightened, namespace: %s, labels: {countersign.dev/policy: "true"}}
data:
  policy.yaml: |
    apiVersion: countersign.dev/v1alpha1
    kind: AccessPolicy
    allow: []
    deny: [{name: older, paths: [kubernetes/data/+/older]}]`, releaseNamespace), "apply", "-f", "-")
	harness.Await(t, time.Minute, func(ctx context.Context) error {
		metrics, err := process.Metrics(ctx)
		if err == nil && !strings.Contains(metrics, "\ncountersign_standing_violations{") {
			err = errors.New("no violation is told yet")
		}
		return err
	})
}

func (c *cluster) do(t *testing.T, stdin string, args ...string) {
	t.Helper()
	if output := c.kubectl(stdin, args...); output.ExitCode != 0 {
		t.Fatalf("kubectl %s: %s", strings.Join(args, " "), output.Stderr)
	}
}
