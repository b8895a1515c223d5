package rollout

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"testing"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
	"github.com/countersign/countersign/test/load"
)

const (
	tenant = "team-load"
	role   = "kubernetes-external-secrets"

	releaseNamespace = "countersign-system"
	day              = 24 * time.Hour
	perSecond        = 40
	// within bounds each step.
	within = 2 * time.Minute
)

// issuer makes certificates as the product does.
func issuer() *rotator.CertRotator {
	return &rotator.CertRotator{
		CAName: "countersign-ca", CAOrganization: "countersign",
		DNSName: "countersign." + releaseNamespace + ".svc", ExtraDNSNames: []string{"localhost"},
		ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// agedCertificates are a Secret's data with a CA that is due for replacement by
// us, and not yet by cert-controller.
func agedCertificates(t *testing.T) map[string][]byte {
	t.Helper()
	ca, err := issuer().CreateCACert(time.Now().Add(-day), time.Now().Add(120*day))
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := issuer().CreateCertPEM(ca, time.Now().Add(-day), time.Now().Add(119*day))
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"ca.crt": ca.CertPEM, "ca.key": ca.KeyPEM, "tls.crt": cert, "tls.key": key}
}

// cluster is the release with its replicas, on an Env of its own.
type cluster struct {
	t        *testing.T
	env      *harness.Env
	release  harness.Release
	replicas []*harness.Process
}

// install leaves the certificates' Secret with an aged CA, and starts nothing.
func install(t *testing.T) *cluster {
	t.Helper()
	env := harness.ForTest(t, harness.Options{Scheme: []func(*runtime.Scheme) error{kesv1.AddToScheme}})
	c := &cluster{t: t, env: env, release: harness.Release{Name: "countersign", Namespace: releaseNamespace, Values: map[string]any{
		"vault": map[string]any{"address": env.Vault.Addr},
		"policy": map[string]any{
			"mounts": map[string]any{"kubernetes": map[string]any{"kv": 2}},
			"allow": []any{map[string]any{
				"name": "own-tree", "namespaces": map[string]any{"names": []any{"team-*"}},
				"paths": []any{"kubernetes/data/{namespace}/*"}, "roles": []any{role},
			}},
		},
	}}}
	if err := c.env.InstallChart(t.Context(), c.release); err != nil {
		t.Fatal(err)
	}
	c.changeSecret(func(data map[string][]byte) { maps.Copy(data, agedCertificates(t)) })
	if err := c.env.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant}}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) start(args ...string) {
	c.t.Helper()
	process, err := c.env.StartCountersign(c.t.Context(), c.release, harness.ProcessOptions{Args: append([]string{"--shutdown-delay=3s"}, args...)})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := process.WaitReady(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.replicas = append(c.replicas, process)
}

// replace is a rolling update of one replica: first a new one, then the oldest
// goes.
func (c *cluster) replace() {
	c.t.Helper()
	c.start()
	if err := c.replicas[0].Stop(); err != nil {
		c.t.Fatal(err)
	}
	c.replicas = c.replicas[1:]
}

func (c *cluster) secret() *corev1.Secret {
	c.t.Helper()
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: releaseNamespace, Name: "countersign-webhook-cert"}
	if err := c.env.Client.Get(c.t.Context(), key, secret); err != nil {
		c.t.Fatal(err)
	}
	return secret
}

func (c *cluster) changeSecret(change func(map[string][]byte)) {
	c.t.Helper()
	harness.Await(c.t, within, func(ctx context.Context) error {
		secret := c.secret()
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		change(secret.Data)
		return c.env.Client.Update(ctx, secret)
	})
}

// reloadPolicy adds a rule of somebody else.
func (c *cluster) reloadPolicy(number int) {
	c.t.Helper()
	text := "apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {kubernetes: {kv: 2}}\nallow:\n- {name: more, namespaces: {names: [somebody]}, roles: [r], paths: [kubernetes/data/n" + strconv.Itoa(number) + "]}\n"
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: releaseNamespace, Name: "more", Labels: map[string]string{"countersign.dev/policy": "true"},
	}, Data: map[string]string{"policy.yaml": text}}
	var err error
	if number == 0 {
		err = c.env.Client.Create(c.t.Context(), configMap)
	} else {
		err = c.env.Client.Update(c.t.Context(), configMap)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// served waits until every replica serves the leaf of the Secret.
func (c *cluster) served() {
	c.t.Helper()
	harness.Await(c.t, within, func(context.Context) error {
		want := c.secret().Data["tls.crt"]
		for _, replica := range c.replicas {
			got, err := leafOf(replica)
			if err != nil {
				return err
			}
			if !bytes.Equal(got, want) {
				return errors.New("a replica serves another certificate than the Secret's")
			}
		}
		return nil
	})
}

func leafOf(replica *harness.Process) ([]byte, error) {
	address := fmt.Sprintf("127.0.0.1:%d", replica.WebhookPort)
	connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // Only what is served matters.
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	return pemOf(connection.ConnectionState().PeerCertificates[0]), nil
}

// Issue 4, points 4 and 5: 0 failed, 0 wrongly admitted, 0 wrongly refused.
func TestAdmissionIsNeverInterrupted(t *testing.T) {
	c := install(t)
	c.start()
	c.start()
	old := c.secret().Data["ca.crt"]
	l := c.startLoad()

	c.reloadPolicy(0)
	c.replace()
	c.reloadPolicy(1)

	t.Log("the CA is replaced in steps")
	harness.Await(t, within, func(context.Context) error {
		if trusted := c.secret().Data["ca.crt"]; bytes.HasPrefix(trusted, firstBlock(old)) {
			return errors.New("the first CA is still the old one")
		}
		return nil
	})
	c.served()
	if trusted := c.secret().Data["ca.crt"]; !bytes.Contains(trusted, firstBlock(old)) {
		t.Error("the old CA is gone although replicas may still serve a certificate of it")
	}

	t.Log("the leaf is renewed")
	before := c.secret().Data["tls.crt"]
	c.changeSecret(c.expireLeaf)
	harness.Await(t, within, func(context.Context) error {
		if bytes.Equal(before, c.secret().Data["tls.crt"]) {
			return errors.New("still the old leaf")
		}
		return nil
	})
	c.served()

	t.Log("replicas are replaced")
	for number := range 2 {
		c.replace()
		c.reloadPolicy(number + 2)
	}
	verdict(t, l)
}

func (c *cluster) startLoad() *load.Load {
	return load.Start(c.t, load.Options{Client: c.env.Client, Namespace: tenant, Role: role, PerSecond: perSecond})
}

// verdict ends the load: nothing failed, and nothing was wrong.
func verdict(t *testing.T, l *load.Load) {
	t.Helper()
	counted := l.End()
	t.Log(counted)
	if err := counted.NothingFailed(); err != nil {
		t.Error(err)
	}
}

// expireLeaf puts a leaf in that ends soon: cert-controller renews it.
func (c *cluster) expireLeaf(data map[string][]byte) {
	c.t.Helper()
	pair, err := tls.X509KeyPair(data["ca.crt"], data["ca.key"])
	if err != nil {
		c.t.Fatal(err)
	}
	ca, err := artifacts(pair)
	if err != nil {
		c.t.Fatal(err)
	}
	data["tls.crt"], data["tls.key"], err = issuer().CreateCertPEM(ca, time.Now().Add(-day), time.Now().Add(day))
	if err != nil {
		c.t.Fatal(err)
	}
}
