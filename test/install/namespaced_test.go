package install

import (
	"context"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// TestNamespaced: with watchNamespaces the process does all its work with Roles
// of these namespaces, and nobody elsewhere is asked or held up.
func TestNamespaced(t *testing.T) {
	for name, split := range map[string]bool{"one Deployment": false, "two": true} {
		t.Run(name, func(t *testing.T) {
			newCluster(t, map[string]any{
				"watchNamespaces": []any{tenant},
				"certificates":    map[string]any{"mode": "cert-manager"},
				"split":           split,
			}).staysInItsNamespaces()
		})
	}
}

func (c *cluster) staysInItsNamespaces() {
	t := c.t
	t.Helper()
	installOthers(t, c.env)
	createNamespace(t, c.env, "elsewhere", nil)
	c.install()
	c.actAsCertManager()
	processes := []*harness.Process{c.start("countersign")}
	if c.release.Values["split"] == true {
		processes = append(processes, c.start("countersign-sync"))
		c.mayNot("countersign-admission", "list secrets -A", "get secret/countersign-webhook-tls -n "+releaseNamespace, "create leases -n "+releaseNamespace)
	}
	c.mayNot("countersign", "list secrets -A", "list externalsecrets -A", "get secret/app -n elsewhere", "list secrets -n "+releaseNamespace)

	c.refused("foreign", fmt.Sprintf(spec, "team-b"), "kubernetes/data/team-b/app")
	c.refused("sneaky", fmt.Sprintf(spec, ".."), `segment`)
	c.admitted("app")
	c.awaitSecret("app")

	before, err := c.env.Vault.AuditMark()
	if err != nil {
		t.Fatal(err)
	}
	// The webhook would refuse it, and the floor.
	if output := c.apply("elsewhere", "app", fmt.Sprintf(spec, "..")); output.ExitCode != 0 {
		t.Errorf("elsewhere is not left alone: %s", output.Stderr)
	}
	c.admitted("later")
	c.awaitSecret("later")
	entries, err := c.env.Vault.Since(before)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Object == "elsewhere/app" {
			t.Errorf("Vault was asked for elsewhere: %+v", entry)
		}
	}
	c.stop(processes...)
}

// actAsCertManager issues what the chart's Certificate asks for, and has the
// apiserver trust it.
func (c *cluster) actAsCertManager() {
	c.t.Helper()
	issuer := &rotator.CertRotator{
		CAName: "test-ca", CAOrganization: "test", DNSName: "countersign." + releaseNamespace + ".svc", ExtraDNSNames: []string{"localhost"},
		ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	begin, end := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca, err := issuer.CreateCACert(begin, end)
	if err != nil {
		c.t.Fatal(err)
	}
	cert, key, err := issuer.CreateCertPEM(ca, begin, end)
	if err != nil {
		c.t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: releaseNamespace, Name: "countersign-webhook-tls"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"ca.crt": ca.CertPEM, "tls.crt": cert, "tls.key": key},
	}
	if err := c.env.Client.Create(c.t.Context(), secret); err != nil {
		c.t.Fatal(err)
	}
	c.trust(c.t.Context(), ca.CertPEM)
}

func (c *cluster) trust(ctx context.Context, ca []byte) {
	c.t.Helper()
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	for _, configuration := range []client.Object{mutating, validating} {
		if err := c.env.Client.Get(ctx, client.ObjectKey{Name: "countersign"}, configuration); err != nil {
			c.t.Fatal(err)
		}
		for i := range mutating.Webhooks {
			mutating.Webhooks[i].ClientConfig.CABundle = ca
		}
		for i := range validating.Webhooks {
			validating.Webhooks[i].ClientConfig.CABundle = ca
		}
		if err := c.env.Client.Update(ctx, configuration); err != nil {
			c.t.Fatal(err)
		}
	}
}
