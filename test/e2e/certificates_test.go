package e2e

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/cluster"
	"github.com/countersign/countersign/test/harness"
)

const day = 24 * time.Hour

// The clock moves on, as far as certificates can tell: the same ones end
// sooner. First the leaf is due, then the CA.
func TestLoadCertificatesRotated(t *testing.T) {
	nothingFailed(t, underLoad(t, func([]corev1.Pod) {
		before := changeCertificates(t, func(c *certificates) { c.age(t, 2*365*day, 60*day) })
		renewed(t, "leaf", before.leaf)

		before = changeCertificates(t, func(c *certificates) { c.age(t, 120*day, 119*day) })
		renewed(t, "ca", before.ca)
		settled(t)
	}))
}

// certificates are the content of the webhook's Secret.
type certificates struct {
	ca, leaf *x509.Certificate
	key      crypto.Signer
}

func readCertificates(data map[string][]byte) (*certificates, error) {
	authority, err := tls.X509KeyPair(data["ca.crt"], data["ca.key"])
	if err != nil {
		return nil, err
	}
	leaf, err := tls.X509KeyPair(data["tls.crt"], data["tls.key"])
	if err != nil {
		return nil, err
	}
	key, ok := authority.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the CA's key cannot sign")
	}
	return &certificates{ca: authority.Leaf, leaf: leaf.Leaf, key: key}, nil
}

// age has the certificates end after the times from now. Keys and names stay,
// so what is served meanwhile is trusted.
func (c *certificates) age(t *testing.T, ca, leaf time.Duration) {
	t.Helper()
	aged := func(certificate, parent *x509.Certificate, ends time.Duration) *x509.Certificate {
		template := *certificate
		template.SerialNumber = new(big.Int).Add(certificate.SerialNumber, big.NewInt(1))
		template.NotBefore, template.NotAfter = time.Now().Add(-day), time.Now().Add(ends)
		raw, err := x509.CreateCertificate(rand.Reader, &template, parent, certificate.PublicKey, c.key)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	c.ca = aged(c.ca, c.ca, ca)
	c.leaf = aged(c.leaf, c.ca, leaf)
}

func webhookSecret(ctx context.Context) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return secret, shared.env.Client.Get(ctx, client.ObjectKey{Namespace: cluster.ReleaseNamespace, Name: releaseName + "-webhook-cert"}, secret)
}

// changeCertificates returns what was written.
func changeCertificates(t *testing.T, change func(*certificates)) *certificates {
	t.Helper()
	var changed *certificates
	harness.Await(t, within, func(ctx context.Context) error {
		secret, err := webhookSecret(ctx)
		if err != nil {
			return err
		}
		if changed, err = readCertificates(secret.Data); err != nil {
			return err
		}
		change(changed)
		secret.Data["ca.crt"], secret.Data["tls.crt"] = pemOf(changed.ca), pemOf(changed.leaf)
		return shared.env.Client.Update(ctx, secret)
	})
	return changed
}

func pemOf(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

// renewed returns when the certificate is another one, and every replica has
// the leaf of the Secret in its folder: replicas that serve another one than
// that are not ready.
func renewed(t *testing.T, which string, old *x509.Certificate) {
	t.Helper()
	harness.Await(t, within, func(ctx context.Context) error {
		secret, err := webhookSecret(ctx)
		if err != nil {
			return err
		}
		now, err := readCertificates(secret.Data)
		if err != nil {
			return err
		}
		current := map[string]*x509.Certificate{"ca": now.ca, "leaf": now.leaf}[which]
		if bytes.Equal(current.Raw, old.Raw) {
			return fmt.Errorf("the %s is still the old one", which)
		}
		return mounted(ctx, now.leaf)
	})
}

// mounted is nil when every replica's metric knows the leaf.
func mounted(ctx context.Context, leaf *x509.Certificate) error {
	pods, err := replicas(ctx)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		scraped, err := metrics(ctx, &pod)
		if err != nil {
			return err
		}
		_, after, _ := strings.Cut(scraped, `countersign_certificate_not_after_timestamp_seconds{certificate="leaf"} `)
		line, _, _ := strings.Cut(after, "\n")
		if ends, err := strconv.ParseFloat(line, 64); err != nil || int64(ends) != leaf.NotAfter.Unix() {
			return fmt.Errorf("%s has a leaf that ends at %q", pod.Name, line)
		}
	}
	return nil
}
