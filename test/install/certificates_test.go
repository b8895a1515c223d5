package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// TestCertificatesStartOver: the way out of docs/alerts.md. A Secret without data
// gets new certificates, which the apiserver trusts and the process serves.
func TestCertificatesStartOver(t *testing.T) {
	c := newCluster(t, nil)
	c.install()
	c.start("countersign")
	c.admitted("before")
	old := c.ca(t.Context())
	do(t, c.env, "", "patch", "secret", "countersign-webhook-cert", "-n", releaseNamespace, "--type=json", "-p", `[{"op":"remove","path":"/data"}]`)

	harness.Await(t, 2*time.Minute, func(ctx context.Context) error {
		if now := c.ca(ctx); len(now) == 0 || bytes.Equal(now, old) {
			return errors.New("no new CA")
		}
		if output := c.apply(tenant, "after", fmt.Sprintf(spec, tenant)); output.ExitCode != 0 {
			return errors.New(output.Stderr)
		}
		return nil
	})
	c.awaitSecret("after")
}

func (c *cluster) ca(ctx context.Context) []byte {
	c.t.Helper()
	secret := &corev1.Secret{}
	if err := c.env.Client.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: "countersign-webhook-cert"}, secret); err != nil {
		c.t.Fatal(err)
	}
	return secret.Data["ca.crt"]
}
