package main

import (
	"context"
	"errors"
	"time"

	"github.com/countersign/countersign/test/harness"

	"github.com/countersign/countersign/test/bench/stage"
)

// result of one fleet.
type result struct {
	tenants stage.Tenants
	// The cold sync.
	took     time.Duration
	cost     stage.Cost
	requests harness.Counts
	api      apiRequests
	// At rest.
	window    time.Duration
	atRest    harness.Counts
	restCPU   float64
	scheduled int
	// The restart.
	restarted   harness.Counts
	restartTook time.Duration
	restartCost stage.Cost
	resync      resync
}

// fleet is a cluster with the objects.
type fleet struct {
	*stage.Stage

	tenants stage.Tenants
	process *harness.Process
}

func (f *fleet) measure(ctx context.Context, window time.Duration) (result, error) {
	measured := result{tenants: f.tenants, window: window}
	if err := f.create(ctx); err != nil {
		return measured, err
	}
	for _, step := range []func(context.Context, *result) error{f.coldSync, f.rest, f.restart, f.resync} {
		if err := step(ctx, &measured); err != nil {
			return measured, err
		}
	}
	return measured, f.process.Stop()
}

// create has the objects admitted; what admits is gone while the sync is measured.
func (f *fleet) create(ctx context.Context) error {
	if err := f.InstallCountersign(ctx, stage.LiftedBudget()); err != nil {
		return err
	}
	if err := f.Create(ctx, f.tenants, stage.ExternalSecret); err != nil {
		return err
	}
	return f.Admission.Stop()
}

func (f *fleet) coldSync(ctx context.Context, r *result) error {
	before, err := f.countAPIRequests(ctx)
	if err != nil {
		return err
	}
	arrivals, err := f.WatchArrivals(ctx)
	if err != nil {
		return err
	}
	started := time.Now()
	r.requests, err = f.seen(func() (err error) {
		if f.process, err = f.Sync(ctx); err != nil {
			return err
		}
		stood, err := arrivals.Await(ctx, f.tenants.Objects)
		if err != nil {
			return err
		}
		r.took = stood.Sub(started)
		if err := f.awaitIdle(ctx); err != nil {
			return err
		}
		return f.AwaitTold(ctx)
	})
	if err != nil {
		return err
	}
	if r.cost, err = stage.CostOf(f.process.PID()); err != nil {
		return err
	}
	after, err := f.countAPIRequests(ctx)
	r.api = after.since(before)
	return err
}

// seen counts what reaches Vault meanwhile.
func (f *fleet) seen(do func() error) (harness.Counts, error) {
	mark, err := f.Env.Vault.AuditMark()
	if err != nil {
		return harness.Counts{}, err
	}
	if err := do(); err != nil {
		return harness.Counts{}, err
	}
	entries, err := f.Env.Vault.Since(mark)
	return harness.CountRequests(entries), err
}

func (f *fleet) awaitIdle(ctx context.Context) error {
	return stage.AwaitIdle(ctx, f.process, f.tenants.Objects)
}

// rest watches for a while, and looks for what is scheduled for later: that would
// be a request after all.
func (f *fleet) rest(ctx context.Context, r *result) error {
	before, err := stage.CostOf(f.process.PID())
	if err != nil {
		return err
	}
	if r.atRest, err = f.seen(func() error { return pass(ctx, r.window) }); err != nil {
		return err
	}
	after, err := stage.CostOf(f.process.PID())
	r.restCPU = after.CPU - before.CPU
	if err != nil {
		return err
	}
	r.scheduled, err = f.countScheduled(ctx)
	return err
}

// pass lets time pass.
func pass(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}

func (f *fleet) restart(ctx context.Context, r *result) error {
	if err := f.process.Stop(); err != nil {
		return err
	}
	started := time.Now()
	var err error
	r.restarted, err = f.seen(func() (err error) {
		if f.process, err = f.Sync(ctx); err != nil {
			return err
		}
		return f.awaitIdle(ctx)
	})
	r.restartTook = time.Since(started)
	cost, costErr := stage.CostOf(f.process.PID())
	r.restartCost = cost
	return errors.Join(err, costErr)
}
