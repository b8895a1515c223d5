package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/countersign/countersign/test/harness"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign/countersign/test/bench/report"
	"github.com/countersign/countersign/test/bench/stage"
)

// result is one cold sync.
type result struct {
	took   time.Duration
	counts harness.Counts
	peak   int
	cost   stage.Cost
}

const within = 10 * time.Minute

// measure a contender on a cluster of its own.
func measure(ctx context.Context, one contender, objects int, environment *report.Environment) (result, error) {
	var measured result
	err := stage.With(ctx, environment, func(s *stage.Stage) (err error) {
		measured, err = prepareAndSync(ctx, s, one, objects)
		return err
	})
	return measured, err
}

func prepareAndSync(ctx context.Context, s *stage.Stage, one contender, objects int) (result, error) {
	if err := one.prepare(ctx, s); err != nil {
		return result{}, err
	}
	if err := s.Create(ctx, stage.Tenants{Objects: objects}, one.object); err != nil {
		return result{}, err
	}
	if s.Admission != nil {
		if err := s.Admission.Stop(); err != nil {
			return result{}, err
		}
	}
	return coldSync(ctx, s, one, objects)
}

// coldSync lasts from the start of the process until all Secrets stand. Requests
// and costs are those until all objects say that they are ready, and their events
// do.
func coldSync(ctx context.Context, s *stage.Stage, one contender, objects int) (result, error) {
	mark, err := s.Env.Vault.AuditMark()
	if err != nil {
		return result{}, err
	}
	arrivals, err := s.WatchArrivals(ctx)
	if err != nil {
		return result{}, err
	}
	started := time.Now()
	process, err := one.start(ctx, s)
	if err != nil {
		return result{}, err
	}
	stood, err := arrivals.Await(ctx, objects)
	if err != nil {
		return result{}, err
	}
	if err := harness.Eventually(ctx, 200*time.Millisecond, within, allReady(s, one, objects)); err != nil {
		return result{}, err
	}
	if err := s.AwaitTold(ctx); err != nil {
		return result{}, err
	}
	measured := result{took: stood.Sub(started)}
	if measured.cost, err = stage.CostOf(process.PID()); err != nil {
		return result{}, err
	}
	entries, err := s.Env.Vault.Since(mark)
	measured.counts, measured.peak = harness.CountRequests(entries), stage.FullestSecond(harness.Requests(entries))
	return measured, errors.Join(err, process.Stop())
}

func allReady(s *stage.Stage, one contender, objects int) func(context.Context) error {
	return func(ctx context.Context) error {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(one.kind)
		if err := s.Env.Client.List(ctx, list); err != nil {
			return err
		}
		ready := 0
		for _, item := range list.Items {
			if isReady(item) {
				ready++
			}
		}
		if ready < objects {
			return fmt.Errorf("%d of %d objects are ready", ready, objects)
		}
		return nil
	}
}

func isReady(object unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range conditions {
		condition, _ := one.(map[string]any)
		if condition["type"] == "Ready" && condition["status"] == "True" {
			return true
		}
	}
	return false
}
