package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// grace is how long a component may take to end when it is asked to.
const grace = 5 * time.Second

// Exec runs a command in the node.
func (c *Cluster) Exec(ctx context.Context, words ...string) error {
	recorded, err := c.readRecord()
	if err != nil {
		return err
	}
	if !recorded.alive() {
		return errors.New("the cluster is not up: run make cluster")
	}
	enter := []string{"--target=" + strconv.Itoa(recorded.PID), "--mount", "--net", "--pid", "--"}
	output, err := exec.CommandContext(ctx, "nsenter", append(enter, words...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, output)
	}
	return nil
}

// Stop ends a component, which stays away until Start.
func (c *Cluster) Stop(name string) error {
	if err := os.WriteFile(c.downFile(name), nil, 0o600); err != nil {
		return err
	}
	_, err := c.terminate(name)
	return err
}

// Start has a stopped component run again, soon.
func (c *Cluster) Start(name string) error { return os.Remove(c.downFile(name)) }

// Restart ends a component, and returns when it runs again.
func (c *Cluster) Restart(name string) error {
	before, err := c.terminate(name)
	if err != nil {
		return err
	}
	return poll(time.Minute, func() error {
		now, err := c.running(name)
		if err == nil && now == before {
			err = fmt.Errorf("%s has not ended", name)
		}
		return err
	})
}

func (c *Cluster) downFile(name string) string { return filepath.Join(c.path("down"), name) }

func (c *Cluster) isDown(name string) bool {
	_, err := os.Stat(c.downFile(name))
	return err == nil
}

// terminate asks with SIGTERM and then kills, as the kubelet would, and returns
// when the process is gone. An apiserver waits a minute for its watches.
func (c *Cluster) terminate(name string) (record, error) {
	recorded, err := c.running(name)
	if err != nil {
		return record{}, err
	}
	if err := syscall.Kill(recorded.PID, syscall.SIGTERM); err != nil {
		return record{}, err
	}
	ended := func() error {
		if recorded.alive() {
			return fmt.Errorf("%s has not ended", name)
		}
		return nil
	}
	if poll(grace, ended) == nil {
		return recorded, nil
	}
	return recorded, recorded.kill(time.Minute)
}

// running is the process of a component: the node's own, since others of this
// machine may run the same program.
func (c *Cluster) running(name string) (record, error) {
	init, err := c.readRecord()
	if err != nil {
		return record{}, err
	}
	node, err := namespaceOf(init.PID)
	if err != nil {
		return record{}, err
	}
	pid, err := find(func(pid int) bool {
		namespace, err := namespaceOf(pid)
		return err == nil && namespace == node && runs(pid, c.binary(name))
	})
	if err != nil {
		return record{}, fmt.Errorf("%s does not run: %w", name, err)
	}
	return recordOf(pid)
}

// Signal is sent to the first process of a container, named by its id as in
// the status of the pod.
func (c *Cluster) Signal(containerID string, signal syscall.Signal) error {
	_, id, _ := strings.Cut(containerID, "://")
	pid, err := find(func(pid int) bool {
		cgroups, err := os.ReadFile(processFile(pid, "cgroup"))
		return err == nil && id != "" && bytes.Contains(cgroups, []byte(c.name)) && bytes.Contains(cgroups, []byte(id))
	})
	if err != nil {
		return fmt.Errorf("container %s: %w", containerID, err)
	}
	return syscall.Kill(pid, signal)
}

// find is the id of the first process that is meant.
func find(meant func(pid int) bool) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && meant(pid) {
			return pid, nil
		}
	}
	return 0, fs.ErrNotExist
}

func processFile(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

// namespaceOf is the namespace of processes that a process is in.
func namespaceOf(pid int) (string, error) { return os.Readlink(processFile(pid, "ns/pid")) }

// runs tells whether a process was started from the path.
func runs(pid int, path string) bool {
	arguments, err := os.ReadFile(processFile(pid, "cmdline"))
	return err == nil && bytes.HasPrefix(arguments, append([]byte(path), 0))
}
