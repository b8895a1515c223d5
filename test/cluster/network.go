package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// nodeDevice is the node's end of the wire.
const nodeDevice = "node0"

// wire joins the host with the network namespace of init.
func (c *Cluster) wire(ctx context.Context, pid int) error {
	return run(ctx,
		"ip link add "+c.name+" type veth peer name "+nodeDevice+" netns "+strconv.Itoa(pid),
		"ip address add "+c.hostAddress+"/30 dev "+c.name,
		"ip link set "+c.name+" up",
	)
}

// unwire: the kernel takes the wire away with the namespace, in its own time.
func (c *Cluster) unwire(ctx context.Context) error {
	if !c.isWired() {
		return nil
	}
	if err := run(ctx, "ip link delete "+c.name); err != nil && c.isWired() {
		return err
	}
	return nil
}

func (c *Cluster) isWired() bool {
	_, err := os.Stat("/sys/class/net/" + c.name)
	return err == nil
}

// setUpNetwork is for init. The route only lets packets to services begin
// their way: kube-proxy's rules send them to a pod.
func (c *Cluster) setUpNetwork(ctx context.Context) error {
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600); err != nil {
		return err
	}
	return run(ctx,
		"ip link set lo up",
		"ip address add "+c.nodeAddress+"/30 dev "+nodeDevice,
		"ip link set "+nodeDevice+" up",
		"ip route add "+serviceRange+" dev "+nodeDevice,
	)
}

func run(ctx context.Context, commands ...string) error {
	for _, command := range commands {
		words := strings.Fields(command)
		output, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, output)
		}
	}
	return nil
}
