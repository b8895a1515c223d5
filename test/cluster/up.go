package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

const (
	// upWithin is generous: a busy machine with 2 cores takes a while.
	upWithin = 3 * time.Minute
	// lookInterval is how often it is looked whether something has come about.
	lookInterval = 100 * time.Millisecond
)

// Up starts the cluster, and returns when the node is ready, has its images,
// and Vault trusts it. Where it is up already only the images are imported anew;
// what is left of another try is removed first.
func (c *Cluster) Up(ctx context.Context) error {
	recorded, err := c.readRecord()
	if err != nil {
		return err
	}
	if recorded.alive() && c.isComplete() {
		return c.importAll(ctx)
	}
	if err := c.check(); err != nil {
		return err
	}
	if err := c.Down(ctx); err != nil {
		return fmt.Errorf("remove what is left of another try: %w", err)
	}
	return c.start(ctx)
}

// check says early and all at once what is missing.
func (c *Cluster) check() error {
	if os.Geteuid() != 0 {
		return errors.New("the cluster needs root")
	}
	for _, hidden := range hiddenFolders() {
		if strings.HasPrefix(c.root, hidden+"/") {
			return fmt.Errorf("the node has a %s of its own: move the checkout elsewhere", hidden)
		}
	}
	var missing []string
	for _, program := range []string{"containerd", "ctr", "runc", "nft", "conntrack", "iptables", "nsenter", "ip", "/usr/lib/cni/ptp"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no %s: apt-get install containerd runc containernetworking-plugins nftables iptables conntrack iproute2 util-linux",
			strings.Join(missing, ", "))
	}
	return nil
}

// hiddenFolders are those of the host that runtimes write to by habit.
func hiddenFolders() []string { return []string{"/run", "/var/lib", "/var/log"} }

func (c *Cluster) start(ctx context.Context) error {
	steps := []func() error{
		func() error { return os.MkdirAll(c.folder, 0o700) },
		c.writeCredentials, c.writeSettings, c.writeComponents, c.makeCgroups,
		func() error { return c.startNode(ctx) },
		func() error { return c.importAll(ctx) },
		func() error { return c.furnish(ctx) },
		func() error { return c.write("complete", "") },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// isComplete is false while Up is at work, and for ever when it failed.
func (c *Cluster) isComplete() bool {
	_, err := os.Stat(c.path("complete"))
	return err == nil
}

func (c *Cluster) writeComponents() error {
	components, err := c.components()
	if err != nil {
		return err
	}
	content, err := json.Marshal(components)
	if err != nil {
		return err
	}
	return c.write("components.json", string(content))
}

func (c *Cluster) startNode(ctx context.Context) error {
	recorded, release, err := c.startInit()
	if err != nil {
		return err
	}
	if err := c.writeRecord(recorded); err != nil {
		return err
	}
	if err := c.wire(ctx, recorded.PID); err != nil {
		return err
	}
	return release()
}

// importAll imports the images that "make images" has built.
func (c *Cluster) importAll(ctx context.Context) error {
	archives, err := filepath.Glob(c.binary("images/*.tar"))
	if err != nil || len(archives) == 0 {
		return errors.Join(err, errors.New("no images: run make images"))
	}
	for _, archive := range archives {
		if err := c.Import(ctx, archive); err != nil {
			return err
		}
	}
	return nil
}

// Import has the node know the images of an archive.
func (c *Cluster) Import(ctx context.Context, archive string) error {
	return harness.Eventually(ctx, lookInterval, upWithin, func(ctx context.Context) error {
		return c.Exec(ctx, "ctr", "--namespace=k8s.io", "images", "import", archive)
	})
}

// furnish waits until everything answers and does what the seed text does with
// Terraform: the auth method, a role, a policy, and a KV mount.
func (c *Cluster) furnish(ctx context.Context) error {
	remote, err := c.Remote()
	if err != nil {
		return err
	}
	env, err := harness.Connect(remote, harness.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = env.Stop() }()
	if err := harness.Eventually(ctx, lookInterval, upWithin, func(ctx context.Context) error { return nodeReady(ctx, env.Client) }); err != nil {
		return err
	}
	return furnishVault(ctx, env.Vault)
}

// Remote is how the harness connects to the cluster and its Vault.
func (c *Cluster) Remote() (harness.Remote, error) {
	token, err := c.VaultToken()
	return harness.Remote{
		Kubeconfig: c.Kubeconfig(), VaultAddr: c.VaultAddress(), VaultToken: token, VaultAudit: c.VaultAudit(),
	}, err
}

func nodeReady(ctx context.Context, reader client.Reader) error {
	node := &corev1.Node{}
	if err := reader.Get(ctx, client.ObjectKey{Name: nodeName}, node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		if condition.Status == corev1.ConditionTrue {
			return nil
		}
		return fmt.Errorf("the node is not ready: %s", condition.Message)
	}
	return errors.New("the node has not said yet how it is")
}
