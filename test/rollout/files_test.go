package rollout

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// Issue 4, point 4: with certificates of somebody else's (cert-manager's, say)
// in the folder, Countersign serves them, takes a renewed one up under load, and
// writes none itself.
func TestCertificatesOfSomebodyElse(t *testing.T) {
	c := install(t)
	c.trust(c.secret().Data["ca.crt"])
	c.start("--cert-mode=files")
	c.start("--cert-mode=files")
	l := c.startLoad()

	for range 5 {
		before := c.secret()
		c.changeSecret(c.expireLeaf)
		c.served()
		if bytes.Equal(before.Data["tls.crt"], c.secret().Data["tls.crt"]) {
			t.Error("the leaf was not replaced")
		}
	}
	after := c.secret()
	// It ends in a day: cert-controller would have renewed it, at once.
	harness.Await(t, within, func(ctx context.Context) error {
		metrics, err := c.replicas[0].Metrics(ctx)
		if err == nil && !bytes.Contains([]byte(metrics), fmt.Appendf(nil, `countersign_certificate_not_after_timestamp_seconds{certificate="leaf"} %s`, scientific(leafEnd(t, after.Data["tls.crt"])))) {
			err = errors.New("the metric does not know the leaf in the folder")
		}
		return err
	})
	if now := c.secret(); now.ResourceVersion != after.ResourceVersion {
		t.Error("the Secret was written")
	}
	verdict(t, l)
}

// trust is cert-manager's cainjector.
func (c *cluster) trust(ca []byte) {
	c.t.Helper()
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	for _, configuration := range []client.Object{mutating, validating} {
		if err := c.env.Client.Get(c.t.Context(), client.ObjectKey{Name: "countersign"}, configuration); err != nil {
			c.t.Fatal(err)
		}
	}
	for i := range mutating.Webhooks {
		mutating.Webhooks[i].ClientConfig.CABundle = ca
	}
	for i := range validating.Webhooks {
		validating.Webhooks[i].ClientConfig.CABundle = ca
	}
	for _, configuration := range []client.Object{mutating, validating} {
		if err := c.env.Client.Update(c.t.Context(), configuration); err != nil {
			c.t.Fatal(err)
		}
	}
}

func leafEnd(t *testing.T, leaf []byte) time.Time {
	t.Helper()
	block, _ := pem.Decode(leaf)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.NotAfter
}

// scientific is how a metric writes a Unix time.
func scientific(at time.Time) string { return fmt.Sprintf("%g", float64(at.Unix())) }
