package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const cgroupMount = "/sys/fs/cgroup"

// hierarchies are the cgroup file systems: one, or one for each controller
// where the host still has version 1.
func hierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.procs")); err == nil {
		return []string{cgroupMount}, nil
	}
	found, err := filepath.Glob(filepath.Join(cgroupMount, "*", "cgroup.procs"))
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found, err
}

// makeCgroups makes the one that the kubelet puts all pods below.
func (c *Cluster) makeCgroups() error {
	found, err := hierarchies()
	if err != nil {
		return err
	}
	for _, hierarchy := range found {
		if err := os.MkdirAll(filepath.Join(hierarchy, c.name), 0o755); err != nil { //nolint:gosec // A cgroup is no secret.
			return err
		}
	}
	return nil
}

// removeCgroups removes them, children first. Their processes are gone; the
// kernel takes a moment to see that.
func (c *Cluster) removeCgroups() error {
	found, err := hierarchies()
	if err != nil {
		return err
	}
	return poll(time.Minute, func() error {
		var errs []error
		for _, hierarchy := range found {
			errs = append(errs, removeTree(filepath.Join(hierarchy, c.name)))
		}
		return errors.Join(errs...)
	})
}

// removeTree removes folders only: the files of a cgroup go with it.
func removeTree(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, folder := range slices.Backward(folders) {
		if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
