package cluster

import (
	"fmt"
	"os/exec"
	"strconv"
)

// The names that Stop, Start and Restart take.
const (
	APIServer = "kube-apiserver"
	Vault     = "vault"
)

// component is a process that init keeps running.
type component struct {
	Name string   `json:"name"`
	Path string   `json:"path"`
	Args []string `json:"args"`
}

// components in no order: each tries again until those that it needs are there.
func (c *Cluster) components() ([]component, error) {
	containerd, err := exec.LookPath("containerd")
	if err != nil {
		return nil, err
	}
	token, err := c.VaultToken()
	if err != nil {
		return nil, err
	}
	return []component{
		c.built("etcd", c.etcdArgs()),
		c.built(APIServer, c.apiserverArgs()),
		c.built("kube-controller-manager", c.controllerManagerArgs()),
		c.built("kube-scheduler", []string{
			"--kubeconfig=" + c.path("scheduler.kubeconfig"), "--leader-elect=false", "--secure-port=0",
		}),
		c.built("kubelet", c.kubeletArgs()),
		c.built("kube-proxy", c.proxyArgs()),
		{Name: "containerd", Path: containerd, Args: []string{"--config=" + c.path("containerd.toml")}},
		c.built(Vault, c.vaultArgs(token)),
	}, nil
}

func (c *Cluster) built(name string, args []string) component {
	return component{Name: name, Path: c.binary(name), Args: args}
}

func (c *Cluster) etcdArgs() []string {
	return []string{
		"--data-dir=" + c.path("etcd"),
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--log-level=error",
		"--unsafe-no-fsync",
	}
}

func (c *Cluster) apiserverArgs() []string {
	return []string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=" + c.nodeAddress,
		"--advertise-address=" + c.nodeAddress,
		"--secure-port=" + strconv.Itoa(apiserverPort),
		"--service-cluster-ip-range=" + serviceRange,
		"--allow-privileged",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--token-auth-file=" + c.path("tokens.csv"),
		"--client-ca-file=" + c.path("ca.crt"),
		"--tls-cert-file=" + c.path("apiserver.crt"),
		"--tls-private-key-file=" + c.path("apiserver.key"),
		"--kubelet-client-certificate=" + c.path("kubelet-client.crt"),
		"--kubelet-client-key=" + c.path("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.path("service-accounts.key"),
		"--service-account-signing-key-file=" + c.path("service-accounts.key"),
	}
}

func (c *Cluster) controllerManagerArgs() []string {
	return []string{
		"--kubeconfig=" + c.path("controller-manager.kubeconfig"),
		"--root-ca-file=" + c.path("ca.crt"),
		"--use-service-account-credentials",
		"--service-account-private-key-file=" + c.path("service-accounts.key"),
		"--leader-elect=false",
		"--secure-port=0",
	}
}

func (c *Cluster) kubeletArgs() []string {
	return []string{
		"--config=" + c.path("kubelet.yaml"),
		"--kubeconfig=" + c.path("kubelet.kubeconfig"),
		"--root-dir=" + c.path("kubelet"),
		"--cert-dir=" + c.path("kubelet-pki"),
		"--hostname-override=" + nodeName,
		"--node-ip=" + c.nodeAddress,
	}
}

func (c *Cluster) proxyArgs() []string {
	return []string{
		"--kubeconfig=" + c.path("kube-proxy.kubeconfig"),
		"--hostname-override=" + nodeName,
		"--proxy-mode=nftables",
		"--cluster-cidr=" + podRange,
		// Host-wide settings, which are not the node's to change.
		"--conntrack-max-per-core=0",
		"--conntrack-tcp-timeout-established=0",
		"--conntrack-tcp-timeout-close-wait=0",
	}
}

func (c *Cluster) vaultArgs(token string) []string {
	return []string{
		fmt.Sprintf("-listen=%s:%d", c.nodeAddress, vaultPort),
		"-root-token=" + token,
		"-audit-log=" + c.VaultAudit(),
		"-storage=file",
		"-data-dir=" + c.path("vault"),
	}
}
