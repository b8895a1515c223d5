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
	return c.terminate(name)
}

// Start has a stopped component run again, soon.
func (c *Cluster) Start(name string) error { return os.Remove(c.downFile(name)) }

// Restart ends a component, which is started again at once.
func (c *Cluster) Restart(name string) error { return c.terminate(name) }

func (c *Cluster) downFile(name string) string { return filepath.Join(c.path("down"), name) }

func (c *Cluster) isDown(name string) bool {
	_, err := os.Stat(c.downFile(name))
	return err == nil
}

// terminate asks with SIGTERM, and returns when the process is gone.
func (c *Cluster) terminate(name string) error {
	pid, err := c.find(func(id string) bool { return runs(id, c.binary(name)) })
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	recorded, err := recordOf(pid)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return err
	}
	return poll(time.Minute, func() error {
		if recorded.alive() {
			return fmt.Errorf("%s has not ended", name)
		}
		return nil
	})
}

// Signal is sent to the first process of a container, named by its id as in
// the status of the pod.
func (c *Cluster) Signal(containerID string, signal syscall.Signal) error {
	_, id, _ := strings.Cut(containerID, "://")
	pid, err := c.find(func(process string) bool {
		cgroups, err := os.ReadFile(filepath.Join("/proc", process, "cgroup"))
		return err == nil && id != "" && bytes.Contains(cgroups, []byte(c.name)) && bytes.Contains(cgroups, []byte(id))
	})
	if err != nil {
		return fmt.Errorf("container %s: %w", containerID, err)
	}
	return syscall.Kill(pid, signal)
}

// find is the id, on the host, of the first process that is meant. Those of
// the node are children of its init.
func (c *Cluster) find(meant func(id string) bool) (int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && meant(entry.Name()) {
			return pid, nil
		}
	}
	return 0, fs.ErrNotExist
}

// runs tells whether a process was started from the path.
func runs(id, path string) bool {
	arguments, err := os.ReadFile(filepath.Join("/proc", id, "cmdline"))
	return err == nil && bytes.HasPrefix(arguments, append([]byte(path), 0))
}
