package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/test/harness"
)

// TestMain is also "cluster init": Up runs the program that it is part of.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "init" {
		os.Exit(initMain())
	}
	os.Exit(m.Run())
}

func initMain() int {
	c, err := Of(os.Getenv(rootVariable))
	if err == nil {
		err = c.Init(context.Background()) //nolint:forbidigo // The root of all contexts.
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// rootVariable tells init where the cluster of the test is.
const rootVariable = "CLUSTER_TEST_ROOT"

// another is a cluster beside that of the checkout, with the same programs.
func another(t *testing.T) *Cluster {
	t.Helper()
	root, err := harness.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Of(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.check(); err != nil {
		t.Skipf("no cluster can be started here, so that nothing is shown of it: %v", err)
	}
	if err := os.Mkdir(filepath.Join(c.root, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	programs, err := os.ReadDir(filepath.Join(root, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		if program.Name() == "node" {
			continue
		}
		if err := os.Symlink(filepath.Join(root, "bin", program.Name()), c.binary(program.Name())); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(rootVariable, c.root)
	t.Cleanup(func() {
		if err := c.Down(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Down removes every trace: of a cluster that stands, of one that crashed, of
// one that came up by half, and of none.
func TestDownRemovesEveryTrace(t *testing.T) {
	tests := map[string]func(*testing.T, *Cluster){
		"none": func(*testing.T, *Cluster) {},
		"stands": func(t *testing.T, c *Cluster) {
			up(t, c)
			up(t, c)
		},
		"crashed": func(t *testing.T, c *Cluster) {
			up(t, c)
			recorded, err := c.readRecord()
			if err != nil {
				t.Fatal(err)
			}
			if err := recorded.kill(time.Minute); err != nil {
				t.Fatal(err)
			}
		},
		"came up by half": func(t *testing.T, c *Cluster) {
			steps := []func() error{
				func() error { return os.MkdirAll(c.folder, 0o700) },
				c.makeCgroups,
				// There is nothing for init to run.
				func() error { return c.startNode(t.Context()) },
			}
			for _, step := range steps {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			c := another(t)
			before := existing("/var/lib/cni", "/var/log/pods", "/run/containerd")
			prepare(t, c)
			for range 2 {
				if err := c.Down(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.traces(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(before, existing("/var/lib/cni", "/var/log/pods", "/run/containerd")); diff != "" {
				t.Errorf("folders of the host (-before +after):\n%s", diff)
			}
		})
	}
}

// After a crash, Up starts anew.
func TestUpAfterACrash(t *testing.T) {
	c := another(t)
	up(t, c)
	first, err := c.readRecord()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.kill(time.Minute); err != nil {
		t.Fatal(err)
	}
	up(t, c)
	if second, err := c.readRecord(); err != nil || second == first || !second.alive() {
		t.Errorf("%+v after %+v (%v)", second, first, err)
	}
}

// Restart is of the node's own process, although others run the same program.
func TestRestart(t *testing.T) {
	c, other := another(t), another(t)
	t.Setenv(rootVariable, c.root)
	up(t, c)
	t.Setenv(rootVariable, other.root)
	up(t, other)
	states := map[*Cluster]record{}
	for _, each := range []*Cluster{c, other} {
		running, err := each.running(APIServer)
		if err != nil {
			t.Fatal(err)
		}
		states[each] = running
	}
	if err := c.Restart(APIServer); err != nil {
		t.Fatal(err)
	}
	for each, before := range states {
		now, err := each.running(APIServer)
		if err != nil || (now == before) != (each == other) {
			t.Errorf("%s: %+v after %+v (%v)", each.root, now, before, err)
		}
	}
}

// An id that another process has by now is not killed.
func TestRecordKnowsItsProcess(t *testing.T) {
	recorded, err := recordOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !recorded.alive() {
		t.Error("this process is not alive")
	}
	for name, other := range map[string]record{
		"another start": {PID: recorded.PID, Started: "1", Boot: recorded.Boot},
		"another boot":  {PID: recorded.PID, Started: recorded.Started, Boot: "0"},
		"none":          {},
	} {
		if other.alive() {
			t.Errorf("%s: taken for this process", name)
		}
		if err := other.kill(time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func up(t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// existing are those of the paths that are there.
func existing(paths ...string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// traces are what should not be there: processes, mounts, cgroups, devices and
// files.
func (c *Cluster) traces() error {
	var errs []error
	if pid, err := find(c.mentions); err == nil {
		errs = append(errs, fmt.Errorf("process %d", pid))
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || bytes.Contains(mounts, []byte(c.folder)) {
		errs = append(errs, fmt.Errorf("mounts (%w)", err))
	}
	paths := []string{c.folder, "/sys/class/net/" + c.name}
	found, err := hierarchies()
	errs = append(errs, err)
	for _, hierarchy := range found {
		paths = append(paths, filepath.Join(hierarchy, c.name))
	}
	for _, path := range paths {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// mentions tells whether a process that still runs has to do with the folder.
func (c *Cluster) mentions(pid int) bool {
	arguments, err := os.ReadFile(processFile(pid, "cmdline"))
	return err == nil && pid != os.Getpid() && bytes.Contains(arguments, []byte(c.folder))
}
