package cluster

import (
	"fmt"
	"os"
)

// The images that "make images" builds: nothing is pulled. That of pause keeps
// the namespaces of a pod, and prints files in tests.
const (
	Image      = "countersign.test/countersign"
	Tag        = "current"
	PauseImage = "countersign.test/pause:1"
)

// writeSettings writes the files that components read.
func (c *Cluster) writeSettings() error {
	files := map[string]string{
		"containerd.toml":      c.containerdSettings(),
		"kubelet.yaml":         c.kubeletSettings(),
		"cni/10-pods.conflist": c.podNetwork(),
		// No DNS: what is reached has an address.
		"resolv.conf": "",
	}
	for _, folder := range []string{"cni", "lib", "log", "vault", "down"} {
		if err := os.MkdirAll(c.path(folder), 0o700); err != nil {
			return err
		}
	}
	for name, content := range files {
		if err := c.write(name, content); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) containerdSettings() string {
	return fmt.Sprintf(`version = 2
root = %q
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  # Where root may not lower it, runc would not start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
`, c.path("containerd"), PauseImage, c.path("cni"))
}

// kubeletSettings: the node never evicts and never collects images, which
// nobody could pull again. It looks at mounted Secrets every 10 s, and not every
// minute as by default, so that tests need not wait so long.
func (c *Cluster) kubeletSettings() string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %q}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: %q
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
localStorageCapacityIsolation: false
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", imagefs.available: "0%%"}
imageGCHighThresholdPercent: 100
resolvConf: %q
podLogsDir: /var/log/pods
volumePluginDir: %q
syncFrequency: 10s
`, c.path("ca.crt"), "/"+c.name, c.path("resolv.conf"), c.path("volume-plugins"))
}

// podNetwork gives each pod a device of its own that is routed: with a bridge,
// answers of one pod to another by a Service would bypass the node.
func (c *Cluster) podNetwork() string {
	return fmt.Sprintf(`{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [{
    "type": "ptp",
    "ipam": {
      "type": "host-local", "dataDir": %q,
      "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`, c.path("addresses"), podRange)
}
