package main

import (
	"context"
	"strings"
	"time"

	"github.com/countersign/countersign/test/harness"

	"github.com/countersign/countersign/test/bench/report"
	"github.com/countersign/countersign/test/bench/stage"
)

// sample of the process at a time.
type sample struct {
	at                           time.Duration
	heap, rss, goroutines, lines float64
}

// observe looks at the process from time to time, until the time is up.
func observe(ctx context.Context, process *harness.Process, every time.Duration) ([]sample, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	began := time.Now()
	var samples []sample
	for {
		select {
		case <-ctx.Done():
			return samples, nil
		case <-ticker.C:
		}
		one, err := look(ctx, process)
		if ctx.Err() != nil {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
		one.at = time.Since(began)
		samples = append(samples, one)
	}
}

func look(ctx context.Context, process *harness.Process) (sample, error) {
	var one sample
	for name, number := range map[string]*float64{
		"go_memstats_heap_alloc_bytes": &one.heap, "process_resident_memory_bytes": &one.rss, "go_goroutines": &one.goroutines,
	} {
		var err error
		if *number, err = stage.Metric(ctx, process, name); err != nil {
			return one, err
		}
	}
	text, err := process.Metrics(ctx)
	one.lines = float64(strings.Count(text, "\n"))
	return one, err
}

// growth of a number from the second quarter of the time to the last. Of memory
// the low values are compared, which are those after a collection of garbage.
func growth(samples []sample, percent int, number func(sample) float64) float64 {
	quarter := len(samples) / 4
	if quarter == 0 {
		return 1
	}
	of := func(some []sample) float64 {
		var all []float64
		for _, one := range some {
			all = append(all, number(one))
		}
		return report.Percentile(all, percent)
	}
	return of(samples[3*quarter:]) / of(samples[quarter:2*quarter])
}

// heapOfAChange is what the heap gained of each change, from the second quarter
// of the time to the last, which lie half of the time apart.
func heapOfAChange(samples []sample, changes int) float64 {
	quarter := len(samples) / 4
	if quarter == 0 || changes == 0 {
		return 0
	}
	before := report.MedianOf(samples[quarter:2*quarter], heap)
	ratio := growth(samples, 10, heap)
	return max(0, before*(ratio-1)/(float64(changes)/2))
}
