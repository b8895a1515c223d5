package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// startInit runs "cluster init" in namespaces of its own. It waits there until
// released, so that it is on record and wired before it starts anything; when
// this process dies instead, it ends.
func (c *Cluster) startInit() (recorded record, release func() error, err error) {
	log, err := os.OpenFile(c.path("init.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return record{}, nil, err
	}
	defer func() { _ = log.Close() }()
	// Without a context: it outlives this process.
	command := exec.Command("/proc/self/exe", "init")
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Setsid: true,
	}
	gate, err := command.StdinPipe()
	if err != nil {
		return record{}, nil, err
	}
	if err := command.Start(); err != nil {
		return record{}, nil, err
	}
	recorded, err = recordOf(command.Process.Pid)
	if err != nil {
		return record{}, nil, err
	}
	release = func() error {
		_, err := gate.Write([]byte("\n"))
		return errors.Join(err, gate.Close(), command.Process.Release())
	}
	return recorded, release, nil
}

// Init is the node. It returns only an error.
func (c *Cluster) Init(ctx context.Context) error {
	if os.Getpid() != 1 {
		return errors.New("init runs in a namespace of its own: use up")
	}
	if _, err := bufio.NewReader(os.Stdin).ReadByte(); err != nil {
		return fmt.Errorf("was not released: %w", err)
	}
	if err := c.setUpMounts(); err != nil {
		return err
	}
	if err := c.setUpNetwork(ctx); err != nil {
		return err
	}
	content, err := os.ReadFile(c.path("components.json"))
	if err != nil {
		return err
	}
	var components []component
	if err := json.Unmarshal(content, &components); err != nil {
		return err
	}
	newSupervisor(c).run(ctx, components)
	return nil
}

// setUpMounts hides the folders of the host that hiddenFolders names.
// Mounts that are made from here on are seen by everything in the node, and by
// nobody else.
func (c *Cluster) setUpMounts() error {
	mounts := []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"none", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		{c.path("lib"), "/var/lib", "", syscall.MS_BIND},
		{c.path("log"), "/var/log", "", syscall.MS_BIND},
		{"none", "/", "", syscall.MS_REC | syscall.MS_SHARED},
	}
	for _, mount := range mounts {
		if err := syscall.Mount(mount.source, mount.target, mount.kind, mount.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", mount.target, err)
		}
	}
	return nil
}
