package cluster

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

const (
	nodeName = "node"
	// kubernetesService is the first address of the services.
	serviceRange      = "10.96.0.0/16"
	kubernetesService = "10.96.0.1"
	podRange          = "10.244.0.0/16"
	apiserverPort     = 6443
	vaultPort         = 8200
)

// Cluster is that of one checkout, running or not.
type Cluster struct {
	// root is the checkout, folder everything that the cluster writes.
	root, folder string
	// name is that of the cgroups and of the network device on the host.
	name string
	// hostAddress and nodeAddress are the ends of the wire between the two.
	hostAddress, nodeAddress string
}

// Of is the cluster of a checkout. Its names and addresses follow from the
// path, so that Down finds them after any crash, and two checkouts do not
// meet. The addresses are of the range for benchmarks, which nobody routes.
// https://www.rfc-editor.org/rfc/rfc2544
func Of(root string) (*Cluster, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(root))
	address := func(last byte) string { return fmt.Sprintf("198.18.%d.%d", hash[0], hash[1]&^3+last) }
	return &Cluster{
		root: root, folder: filepath.Join(root, "bin", "node"), name: fmt.Sprintf("csnode%x", hash[:3]),
		hostAddress: address(1), nodeAddress: address(2),
	}, nil
}

// Kubeconfig is the file of a member of system:masters; it is there while the
// cluster is.
func (c *Cluster) Kubeconfig() string { return c.path("kubeconfig") }

// VaultAddress is Vault's for pods and for the host.
func (c *Cluster) VaultAddress() string { return fmt.Sprintf("http://%s:%d", c.nodeAddress, vaultPort) }

// VaultAudit is the file of Vault's audit log.
func (c *Cluster) VaultAudit() string { return c.path("vault-audit.log") }

// VaultToken is Vault's root token.
func (c *Cluster) VaultToken() (string, error) {
	token, err := os.ReadFile(c.path("vault-token"))
	return string(token), err
}

func (c *Cluster) apiserver() string {
	return fmt.Sprintf("https://%s:%d", c.nodeAddress, apiserverPort)
}

func (c *Cluster) path(name string) string { return filepath.Join(c.folder, name) }

func (c *Cluster) binary(name string) string { return filepath.Join(c.root, "bin", name) }

func (c *Cluster) write(name, content string) error {
	return os.WriteFile(c.path(name), []byte(content), 0o600)
}
