package main

import (
	"context"
	"fmt"
	"time"

	"github.com/countersign/countersign/test/harness"
	"golang.org/x/sync/errgroup"

	"github.com/countersign/countersign/test/bench/stage"
)

// result of a soak.
type result struct {
	samples []sample
	tally   tally
	// In the end, when all is quiet: objects that stand, and how many of them are
	// not ready; series for each of them, and series that name what is gone.
	standing, notReady, series, left int
	// logins that Vault still holds, and sessions that the process says live.
	logins, sessions int
}

const settle = 3 * time.Minute

func soak(ctx context.Context, s *stage.Stage, size size) (*result, error) {
	vault, err := startProxy(s.Env.Vault.Addr)
	if err != nil {
		return nil, err
	}
	defer vault.close()
	s.VaultAddress = vault.address
	if err := s.InstallChart(ctx, stage.DefaultBudget()); err != nil {
		return nil, err
	}
	process, err := s.Env.StartCountersign(ctx, s.Release, harness.ProcessOptions{Args: []string{"--leader-elect=false"}})
	if err != nil {
		return nil, err
	}
	if err := process.WaitReady(ctx); err != nil {
		return nil, err
	}
	c, err := newChurn(ctx, s, size.objects)
	if err != nil {
		return nil, err
	}
	samples, err := stir(ctx, c, vault, process, size)
	if err != nil {
		return nil, err
	}
	measured := &result{samples: samples, tally: c.tally.copy()}
	return measured, measured.conclude(ctx, c, process)
}

// stir does everything at once until the time is up.
func stir(ctx context.Context, c *churn, vault *proxy, process *harness.Process, size size) ([]sample, error) {
	ends, cancel := context.WithTimeout(ctx, size.length)
	defer cancel()
	var group errgroup.Group
	for client := range size.clients {
		group.Go(func() error { return c.change(ends, client, size.pace) })
	}
	group.Go(func() error { return c.editPolicy(ends) })
	group.Go(func() error { vault.fail(ends, size.fault); return nil })
	samples, err := observe(ends, process, size.sample)
	if waited := group.Wait(); err == nil {
		err = waited
	}
	return samples, err
}

// conclude waits until the process has caught up, and counts what is left.
func (r *result) conclude(ctx context.Context, c *churn, process *harness.Process) error {
	standing := c.standing()
	r.standing = len(standing)
	// What is not ready by then is counted.
	_ = harness.Eventually(ctx, time.Second, settle, func(ctx context.Context) (err error) {
		if r.notReady, err = c.countNotReady(ctx); err == nil && r.notReady > 0 {
			err = fmt.Errorf("%d objects are not ready", r.notReady)
		}
		return err
	})
	text, err := process.Metrics(ctx)
	if err != nil {
		return err
	}
	r.series, r.left = countSeries(text, standing)
	sessions, err := stage.Metric(ctx, process, "countersign_vault_sessions")
	if err != nil {
		return err
	}
	r.sessions = int(sessions)
	r.logins, err = c.countLogins(ctx)
	return err
}
