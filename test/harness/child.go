package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// childSpec says what to run. The output is appended to log.
type childSpec struct {
	name, path, log string
	args, env       []string
}

// child is a process that lives no longer than this one.
type child struct {
	name, log string
	process   *os.Process
	// done closes when the process has ended; err is then its exit error.
	done chan struct{}
	err  error
}

// startChild ties the child to this process with the parent death signal. The
// kernel sends that when the thread that forked ends, not the process, so a
// goroutine keeps that thread until the child is gone.
func startChild(spec childSpec) (*child, error) {
	output, err := os.OpenFile(spec.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	command := exec.Command(spec.path, spec.args...)
	command.Env = spec.env
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = dieWithParent()
	started := &child{name: spec.name, log: spec.log, done: make(chan struct{})}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started.process = command.Process
		result <- err
		if err == nil {
			started.err = command.Wait()
			close(started.done)
		}
	}()
	if err := <-result; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.name, err)
	}
	return started, nil
}

// kill returns when the process is gone.
func (c *child) kill() {
	_ = c.process.Kill()
	<-c.done
}

// terminate asks with SIGTERM, and kills what has not ended within grace.
func (c *child) terminate(grace time.Duration) error {
	if err := c.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	select {
	case <-c.done:
		return c.exited()
	case <-time.After(grace):
		c.kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM%s", c.name, grace, c.tail())
	}
}

func (c *child) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// exited is nil after exit code 0.
func (c *child) exited() error {
	if c.err == nil {
		return nil
	}
	return fmt.Errorf("%s ended: %w%s", c.name, c.err, c.tail())
}

// await polls ready, and gives up at once when the process ends.
func (c *child) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := Eventually(ctx, readyInterval, readyWithin, ready)
	if !c.alive() {
		return fmt.Errorf("%s ended before it was ready: %w%s", c.name, c.err, c.tail())
	}
	if err != nil {
		return fmt.Errorf("%s is not ready: %w%s", c.name, err, c.tail())
	}
	return nil
}

const (
	readyInterval = 50 * time.Millisecond
	// readyWithin is generous: a busy machine with 2 cores takes a while.
	readyWithin = 2 * time.Minute
	tailLines   = 15
)

// tail is the end of the log, for error messages.
func (c *child) tail() string {
	content, err := os.ReadFile(c.log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("\n%s:\n\t%s", filepath.Base(c.log), strings.Join(lines, "\n\t"))
}
