package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// victimVariable makes this test binary a process that starts an Env, reports
// it and then meets its end.
const victimVariable = "COUNTERSIGN_HARNESS_VICTIM"

type victimReport struct {
	Folder string
	PIDs   []int
}

// TestVictim is the process that the tests below end. On its own it does
// nothing.
func TestVictim(t *testing.T) {
	end := os.Getenv(victimVariable)
	if end == "" {
		return
	}
	env := ForTest(t, Options{})
	report := victimReport{Folder: env.folder.path}
	for _, child := range env.children {
		report.PIDs = append(report.PIDs, child.process.Pid)
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		t.Fatal(err)
	}
	if end == "panic" {
		go panic("as the test wants it")
	}
	select {}
}

// Point 3: everything it starts it stops, also when a test panics or is
// interrupted. SIGKILL and a panic leave the folder to the next sweep.
func TestPoint3NothingOutlivesItsProcess(t *testing.T) {
	tests := map[string]struct {
		end        string
		signal     syscall.Signal
		wantFolder bool
	}{
		"killed":      {end: "signal", signal: syscall.SIGKILL, wantFolder: true},
		"interrupted": {end: "signal", signal: syscall.SIGINT},
		"terminated":  {end: "signal", signal: syscall.SIGTERM},
		"panics":      {end: "panic", wantFolder: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			victim, report := startVictim(t, tc.end)
			if tc.signal != 0 {
				if err := victim.Process.Signal(tc.signal); err != nil {
					t.Fatal(err)
				}
			}
			if err := victim.Wait(); err == nil {
				t.Error("the victim ended as if nothing had happened")
			}
			Await(t, 10*time.Second, func(context.Context) error { return allGone(report.PIDs) })
			_, err := os.Stat(report.Folder)
			if exists := err == nil; exists != tc.wantFolder {
				t.Errorf("folder exists: %t, want %t", exists, tc.wantFolder)
			}
			if err := os.RemoveAll(report.Folder); err != nil {
				t.Error(err)
			}
		})
	}
}

func startVictim(t *testing.T, end string) (*exec.Cmd, victimReport) {
	t.Helper()
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), victimVariable+"="+end)
	stdout, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var report victimReport
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err := errors.Join(err, json.Unmarshal(line, &report)); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if len(report.PIDs) != 4 {
		t.Fatalf("%d processes, want etcd, apiserver, controllers and Vault", len(report.PIDs))
	}
	return victim, report
}

func allGone(pids []int) error {
	for _, pid := range pids {
		if isRunning(pid) {
			return fmt.Errorf("process %d still runs", pid)
		}
	}
	return nil
}

// isRunning is false for a zombie that waits to be reaped.
func isRunning(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func TestPoint3TheEndOfTheContextStopsTheEnv(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	env, err := Start(ctx, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, child := range env.children {
		pids = append(pids, child.process.Pid)
	}
	cancel()
	Await(t, 10*time.Second, func(context.Context) error { return allGone(pids) })
	if err := env.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(env.folder.path); err == nil {
		t.Error("the folder is still there")
	}
}

func TestSweepDeletesOnlyFoldersOfTheDead(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	living, err := newFolder()
	if err != nil {
		t.Fatal(err)
	}
	dead, err := newFolder()
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.lock.Close(); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	for _, folder := range []*folder{living, dead} {
		if err := os.Chtimes(folder.path, long, long); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	if _, err := os.Stat(living.path); err != nil {
		t.Error("swept the folder of a living process")
	}
	if _, err := os.Stat(dead.path); err == nil {
		t.Error("left the folder of a dead process")
	}
}

func TestPortsAreReservedOnce(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	first, second := &ports{}, &ports{}
	seen := map[int]bool{}
	for range 200 {
		for _, holder := range []*ports{first, second} {
			port, err := holder.reserve()
			if err != nil {
				t.Fatal(err)
			}
			if seen[port] {
				t.Fatalf("port %d was given out twice", port)
			}
			seen[port] = true
		}
	}
	for _, holder := range []*ports{first, second} {
		if err := holder.release(); err != nil {
			t.Error(err)
		}
	}
}
