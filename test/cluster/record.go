package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// record says which process is the node's init. An id alone may by now be
// that of another process; with the start in ticks of this boot it cannot.
type record struct {
	PID     int    `json:"pid"`
	Started string `json:"started"`
	Boot    string `json:"boot"`
}

func recordOf(pid int) (record, error) {
	stat, err := readStat(pid)
	if err != nil {
		return record{}, err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return record{PID: pid, Started: stat.started, Boot: string(boot)}, err
}

// readRecord is empty where no init was ever recorded.
func (c *Cluster) readRecord() (record, error) {
	content, err := os.ReadFile(c.path("init.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	var recorded record
	return recorded, json.Unmarshal(content, &recorded)
}

func (c *Cluster) writeRecord(r record) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return c.write("init.json", string(content))
}

// alive is false for a zombie too: the kernel makes init one only when every
// other process of its namespace is gone.
func (r record) alive() bool {
	now, err := recordOf(r.PID)
	if r.PID == 0 || err != nil || now != r {
		return false
	}
	stat, err := readStat(r.PID)
	return err == nil && stat.state != "Z"
}

// kill returns when the process is gone, and all of its namespace with it.
func (r record) kill(within time.Duration) error {
	if !r.alive() {
		return nil
	}
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
		return err
	}
	return poll(within, func() error {
		if r.alive() {
			return fmt.Errorf("process %d is still there", r.PID)
		}
		return nil
	})
}

// stat is what Linux tells of a process.
type stat struct{ state, started string }

// readStat: the fields are counted from the end of the name, which may hold
// anything.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func readStat(pid int) (stat, error) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, err
	}
	const started = 22 - 3
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	if len(fields) <= started {
		return stat{}, fmt.Errorf("stat of %d: %q", pid, content)
	}
	return stat{state: fields[0], started: fields[started]}, nil
}
