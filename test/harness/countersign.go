package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stopWithin leaves room for serving on after SIGTERM and for draining.
const stopWithin = 45 * time.Second

// ProcessOptions change how the Deployment's container is run.
type ProcessOptions struct {
	// Deployment is its name; empty: the only one of the release.
	Deployment string
	// LogLevel overrides the chart's; empty: the chart's.
	LogLevel string
	// Args are appended to the container's.
	Args []string
}

// Process is Countersign, running as its own process with the chart's RBAC.
type Process struct {
	WebhookPort, MetricsPort, HealthPort int
	// LogPath is the file with what the process wrote.
	LogPath string

	env     *Env
	release Release
	// serves webhooks, and so is an endpoint of the Service.
	serves  bool
	child   *child
	service *service
	// leaving closes when the process is told to stop: its Service forgets it.
	leaving chan struct{}
}

// StartCountersign runs the Deployment of an installed release as one process.
// Another one of the same release is another replica behind the same Service.
// WaitReady comes next.
func (e *Env) StartCountersign(ctx context.Context, release Release, options ProcessOptions) (*Process, error) {
	binary, err := e.countersign()
	if err != nil {
		return nil, err
	}
	pod, err := e.newPod(ctx, release, options.Deployment)
	if err != nil {
		return nil, fmt.Errorf("pod of %s: %w", release.key(), err)
	}
	process := &Process{env: e, release: release, serves: pod.serves(), LogPath: filepath.Join(pod.folder, "countersign.log"), leaving: make(chan struct{})}
	if err := process.start(binary, pod, options); err != nil {
		pod.unmount()
		return nil, err
	}
	if process.serves {
		go process.service.follow(process)
	}
	go func() {
		<-process.child.done
		pod.unmount()
	}()
	return process, nil
}

func (e *Env) countersign() (string, error) {
	binary, err := lookUp("countersign", []string{filepath.Join(e.binaries.root, "bin")})
	if err != nil {
		return "", fmt.Errorf("%w build", err)
	}
	return binary, nil
}

// Countersign runs a command of bin/countersign. An exit code other than 0 is no
// error.
func (e *Env) Countersign(ctx context.Context, stdin string, args ...string) (Output, error) {
	binary, err := e.countersign()
	if err != nil {
		return Output{}, err
	}
	command := exec.CommandContext(ctx, binary, args...)
	command.Stdin = strings.NewReader(stdin)
	return capture(command)
}

func (p *Process) start(binary string, pod *pod, options ProcessOptions) error {
	err := p.env.ports.reserveInto(&p.WebhookPort, &p.MetricsPort, &p.HealthPort)
	if err != nil {
		return err
	}
	if p.service, err = p.env.service(p.release); err != nil {
		return err
	}
	args := slices.Concat(pod.args, p.overrides(options))
	p.child, err = p.env.run(childSpec{name: "countersign", path: binary, log: p.LogPath, args: args, env: pod.environ})
	return err
}

// overrides come after the chart's arguments and replace only what loopback
// must have otherwise.
func (p *Process) overrides(options ProcessOptions) []string {
	args := []string{
		"--webhook-host=127.0.0.1",
		"--webhook-port=" + strconv.Itoa(p.WebhookPort),
		"--metrics-bind-address=" + loopback(p.MetricsPort),
		"--health-probe-bind-address=" + loopback(p.HealthPort),
		"--cert-extra-dns=localhost",
		// Tests that are about it say how long.
		"--shutdown-delay=0s",
	}
	if options.LogLevel != "" {
		args = append(args, "--log-level="+options.LogLevel)
	}
	return append(args, options.Args...)
}

// WaitReady returns when the process says that it is ready and, where it serves
// webhooks, its Service has it and the apiserver calls that.
func (p *Process) WaitReady(ctx context.Context) error {
	return p.child.await(ctx, func(ctx context.Context) error {
		if _, err := get(ctx, "http://"+loopback(p.HealthPort)+"/readyz"); err != nil {
			return err
		}
		if !p.serves {
			return nil
		}
		if err := p.service.includes(p); err != nil {
			return err
		}
		return p.env.probeWebhooks(ctx, p.release)
	})
}

// Metrics is what a scrape returns.
func (p *Process) Metrics(ctx context.Context) (string, error) {
	return get(ctx, "http://"+loopback(p.MetricsPort)+"/metrics")
}

// Logs is what the process has written so far.
func (p *Process) Logs() (string, error) {
	content, err := os.ReadFile(p.LogPath)
	return string(content), err
}

// PID of the process.
func (p *Process) PID() int { return p.child.process.Pid }

// Done closes when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.child.done }

// Wait returns how the process ended, once it has done so by itself.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.child.done:
		return p.child.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop has the Service forget the process, sends SIGTERM, and waits for the
// end, which has to be a clean one. It is called once.
func (p *Process) Stop() error {
	close(p.leaving)
	p.service.set(p, false)
	return p.child.terminate(stopWithin)
}

// Kill ends the process as a crash would.
func (p *Process) Kill() { p.child.kill() }

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, response.Status, body)
	}
	return string(body), err
}
