package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/countersign/countersign/test/harness"
	"github.com/google/pprof/profile"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/bench/stage"
)

// profiler takes profiles of processes on a stage.
type profiler struct {
	*stage.Stage

	size size
	keep string
}

// profiles of a process that syncs, and of one that admits.
type profiles struct {
	// syncCPU and syncHeap are of a cold sync, which covers the start as well.
	syncCPU, syncHeap, admissionCPU *profile.Profile
}

func (p *profiler) profiles(ctx context.Context) (*profiles, error) {
	tenants := stage.Tenants{Objects: p.size.objects, PerNamespace: 10}
	if err := p.InstallCountersign(ctx, stage.LiftedBudget()); err != nil {
		return nil, err
	}
	if err := p.Create(ctx, tenants, stage.ExternalSecret); err != nil {
		return nil, err
	}
	if err := p.Admission.Stop(); err != nil {
		return nil, err
	}
	found := &profiles{}
	if err := p.ofSync(ctx, found); err != nil {
		return nil, err
	}
	return found, p.ofAdmission(ctx, tenants, found)
}

func (p *profiler) ofSync(ctx context.Context, found *profiles) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	process, err := p.Sync(ctx, fmt.Sprintf("--pprof-port=%d", port))
	if err != nil {
		return err
	}
	if found.syncCPU, err = p.take(ctx, port, "sync-cpu", p.cpu()); err != nil {
		return err
	}
	if err := stage.AwaitIdle(ctx, process, p.size.objects); err != nil {
		return err
	}
	if found.syncHeap, err = p.take(ctx, port, "sync-heap", "heap?gc=1"); err != nil {
		return err
	}
	return process.Stop()
}

func (p *profiler) ofAdmission(ctx context.Context, tenants stage.Tenants, found *profiles) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	process, err := p.Env.StartCountersign(ctx, p.Release, harness.ProcessOptions{Args: []string{"--sync=false", fmt.Sprintf("--pprof-port=%d", port)}})
	if err != nil {
		return err
	}
	if err := process.WaitReady(ctx); err != nil {
		return err
	}
	creating, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	for i := range p.size.clients {
		group.Go(func() error { return p.createUntil(creating, tenants.Key(i%tenants.Objects)) })
	}
	found.admissionCPU, err = p.take(ctx, port, "admission-cpu", p.cpu())
	stop()
	if err != nil {
		return err
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return process.Stop()
}

// createUntil the end, as dry runs.
func (p *profiler) createUntil(ctx context.Context, key client.ObjectKey) error {
	key.Name = "another"
	for ctx.Err() == nil {
		object := stage.ExternalSecret(key, key.Namespace+"/"+key.Name)
		if err := p.Env.Client.Create(ctx, object, client.DryRunAll); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (p *profiler) cpu() string {
	return fmt.Sprintf("profile?seconds=%d", int(p.size.length.Seconds()))
}

// take a profile as soon as it is served.
func (p *profiler) take(ctx context.Context, port int, name, what string) (*profile.Profile, error) {
	var taken []byte
	err := harness.Eventually(ctx, 20*time.Millisecond, time.Minute, func(ctx context.Context) (err error) {
		taken, err = get(ctx, fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/%s", port, what))
		return err
	})
	if err != nil {
		return nil, err
	}
	if p.keep != "" {
		if err := os.WriteFile(filepath.Join(p.keep, name+".pb.gz"), taken, 0o600); err != nil {
			return nil, err
		}
	}
	return profile.Parse(strings.NewReader(string(taken)))
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // A TCP listener has no other.
}
