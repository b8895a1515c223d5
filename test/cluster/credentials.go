package cluster

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/countersign/countersign/test/harness"
)

// lifetime of certificates: nobody keeps a cluster that long.
const lifetime = 365 * 24 * time.Hour

// account is a component that logs in at the apiserver with a token.
type account struct{ kubeconfig, user, groups string }

func accounts() []account {
	return []account{
		{"kubeconfig", "admin", "system:masters"},
		{"controller-manager.kubeconfig", "system:kube-controller-manager", ""},
		{"scheduler.kubeconfig", "system:kube-scheduler", ""},
		{"kubelet.kubeconfig", "system:node:" + nodeName, "system:nodes"},
		{"kube-proxy.kubeconfig", "system:kube-proxy", ""},
	}
}

// writeCredentials makes a CA, the certificates that it signs, the key of
// ServiceAccount tokens, and a kubeconfig for each account.
func (c *Cluster) writeCredentials() error {
	authority, err := newAuthority()
	if err != nil {
		return err
	}
	if err := c.write("ca.crt", string(authority.pem)); err != nil {
		return err
	}
	serving := certutil.AltNames{
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPs:      []net.IP{net.ParseIP(c.nodeAddress), net.ParseIP(kubernetesService), net.IPv4(127, 0, 0, 1)},
	}
	if err := c.issue(authority, "apiserver", pkix.Name{CommonName: "kube-apiserver"}, serving, x509.ExtKeyUsageServerAuth); err != nil {
		return err
	}
	kubeletClient := pkix.Name{CommonName: "kube-apiserver", Organization: []string{"system:masters"}}
	if err := c.issue(authority, "kubelet-client", kubeletClient, certutil.AltNames{}, x509.ExtKeyUsageClientAuth); err != nil {
		return err
	}
	if err := c.writeTokenKey(); err != nil {
		return err
	}
	if err := c.write("vault-token", "root-"+rand.Text()); err != nil {
		return err
	}
	return c.writeAccounts(authority.pem)
}

func (c *Cluster) writeAccounts(ca []byte) error {
	var tokens strings.Builder
	for _, account := range accounts() {
		token := rand.Text()
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", token, account.user, account.user, account.groups)
		config := &rest.Config{Host: c.apiserver(), BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
		if err := harness.WriteKubeconfig(config, c.path(account.kubeconfig)); err != nil {
			return err
		}
	}
	return c.write("tokens.csv", tokens.String())
}

// writeTokenKey writes the RSA key that ServiceAccount tokens are signed with.
func (c *Cluster) writeTokenKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return c.writeKey("service-accounts.key", key)
}

func (c *Cluster) writeKey(name string, key crypto.PrivateKey) error {
	content, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	return c.write(name, string(content))
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	pem         []byte
}

func newAuthority() (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	certificate, err := certutil.NewSelfSignedCACert(certutil.Config{CommonName: "cluster"}, key)
	if err != nil {
		return authority{}, err
	}
	content, err := certutil.EncodeCertificates(certificate)
	return authority{certificate: certificate, key: key, pem: content}, err
}

// issue writes NAME.crt and NAME.key.
func (c *Cluster) issue(by authority, name string, subject pkix.Name, names certutil.AltNames, usage x509.ExtKeyUsage) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject: subject, SerialNumber: serial, DNSNames: names.DNSNames, IPAddresses: names.IPs,
		NotBefore: by.certificate.NotBefore, NotAfter: time.Now().Add(lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		return err
	}
	content, err := certutil.EncodeCertificates(certificate)
	if err != nil {
		return err
	}
	if err := c.write(name+".crt", string(content)); err != nil {
		return err
	}
	return c.writeKey(name+".key", key)
}
