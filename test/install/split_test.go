package install

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
	"github.com/countersign/countersign/test/load"
)

// TestSplit: with two Deployments, the process that the apiserver calls decides
// without a request to Vault, knows no Secret but its certificate's, and makes no
// token; the other one serves no webhook. Vault's and the apiserver's audit logs
// are the witnesses.
func TestSplit(t *testing.T) {
	c := newCluster(t, map[string]any{"split": true})
	c.install()
	admission := c.start("countersign")
	before, err := c.env.Vault.AuditMark()
	if err != nil {
		t.Fatal(err)
	}

	c.admitted("app")
	c.refused("foreign", fmt.Sprintf(spec, "team-b"), "kubernetes/data/team-b/app")
	entries, err := c.env.Vault.Since(before)
	if err != nil {
		t.Fatal(err)
	}
	if len(harness.Requests(entries)) != 0 {
		t.Errorf("admission asked Vault: %v", entries)
	}
	for _, absent := range []string{"countersign_vault_", "countersign_queue_", "countersign_syncs_"} {
		if strings.Contains(c.metrics(admission), absent) {
			t.Errorf("admission serves %s", absent)
		}
	}

	sync := c.start("countersign-sync")
	c.awaitSecret("app")
	for _, absent := range []string{"countersign_admissions_", "countersign_certificate_", "countersign_webhook_"} {
		if strings.Contains(c.metrics(sync), absent) {
			t.Errorf("the sync serves %s", absent)
		}
	}
	c.readsOfSecrets("countersign-admission", "countersign-webhook-cert")
	c.mayNot("countersign-admission",
		"get secret/app -n "+tenant, "list secrets -A", "list secrets -n "+releaseNamespace, "create secrets -n "+tenant,
		"patch secret/app -n "+tenant, "get secret/other -n "+releaseNamespace, "create serviceaccounts/token -n "+tenant,
		"update externalsecrets/status -n "+tenant, "update configmap/countersign-last-good -n "+releaseNamespace)
	c.mayNot("countersign", "get validatingwebhookconfiguration/countersign", "update validatingwebhookconfiguration/countersign")

	if connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", sync.WebhookPort)); err == nil {
		_ = connection.Close()
		t.Error("the sync listens for webhooks")
	}
	c.policyIsKept()

	// Neither needs the other: admission goes on, with the sync gone.
	if err := sync.Stop(); err != nil {
		t.Fatal(err)
	}
	c.admitted("another")
	c.start("countersign-sync")
	c.awaitSecret("another")
}

// policyIsKept: admission checks a policy before it is stored, and what is in
// force is kept for the next start, which is the sync's.
func (c *cluster) policyIsKept() {
	c.t.Helper()
	const invalid = `{"data":{"policy.yaml":"apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nallow: [{name: a}]\n"}}`
	output := kubectl(c.t, c.env, "", "patch", "configmap", "countersign-policy", "-n", releaseNamespace, "--type=merge", "-p", invalid)
	if output.ExitCode == 0 || !strings.Contains(output.Stderr, "allow[0].paths: Required value") {
		c.t.Errorf("an invalid policy: %s%s", output.Stdout, output.Stderr)
	}
	harness.Await(c.t, within, func(ctx context.Context) error {
		kept := &corev1.ConfigMap{}
		if err := c.env.Client.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: "countersign-last-good"}, kept); err != nil {
			return err
		}
		if len(kept.BinaryData) == 0 {
			return errors.New("no policy is kept")
		}
		return nil
	})
}

// readsOfSecrets checks that a ServiceAccount has read that Secret, and no other.
func (c *cluster) readsOfSecrets(serviceAccount, only string) {
	c.t.Helper()
	requests, err := c.env.APIAudit()
	if err != nil {
		c.t.Fatal(err)
	}
	var reads int
	for _, request := range requests {
		if request.User != "system:serviceaccount:"+releaseNamespace+":"+serviceAccount || request.Resource == "externalsecrets" {
			continue
		}
		if request.Resource != "secrets" || request.Namespace != releaseNamespace || request.Name != only {
			c.t.Errorf("%s asked for %+v", serviceAccount, request)
		}
		reads++
	}
	if reads == 0 {
		c.t.Errorf("%s read nothing: the audit log is no witness", serviceAccount)
	}
}

// mayNot asks the apiserver what a ServiceAccount may do.
func (c *cluster) mayNot(serviceAccount string, deeds ...string) {
	c.t.Helper()
	for _, deed := range deeds {
		args := append([]string{"auth", "can-i", "--as=system:serviceaccount:" + releaseNamespace + ":" + serviceAccount}, strings.Fields(deed)...)
		if output := kubectl(c.t, c.env, "", args...); strings.TrimSpace(output.Stdout) != "no" {
			c.t.Errorf("%s may %s: %s%s", serviceAccount, deed, output.Stdout, output.Stderr)
		}
	}
}

// TestSwitchToSplit: to run admission and sync apart, and together again, is an
// upgrade like any other: under a steady load no admission fails, and the sync
// goes on.
func TestSwitchToSplit(t *testing.T) {
	c := newCluster(t, nil)
	c.install()
	const drain = "--shutdown-delay=3s"
	both := c.start("countersign", drain)
	steady := load.Start(t, load.Options{Client: c.env.Client, Namespace: tenant, Role: role, PerSecond: 40, Standing: 4})

	c.release.Values["split"] = true
	c.install()
	admission, sync := c.start("countersign", drain), c.start("countersign-sync", drain)
	c.stop(both)
	c.admitted("apart")
	c.awaitSecret("apart")

	c.release.Values["split"] = false
	c.install()
	c.start("countersign", drain)
	c.stop(admission, sync)
	c.admitted("together")
	c.awaitSecret("together")

	tally := steady.End()
	t.Log(tally)
	if err := tally.NothingFailed(); err != nil {
		t.Error(err)
	}
}

func (c *cluster) stop(processes ...*harness.Process) {
	c.t.Helper()
	for _, process := range processes {
		if err := process.Stop(); err != nil {
			c.t.Fatal(err)
		}
	}
}
