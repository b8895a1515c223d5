package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
)

const (
	rounds = 5
	// perRound creates of each setup; of one that takes half a second, a few.
	perRound     = 100
	perRoundSlow = 6
	slow         = 100 * time.Millisecond
)

// row is one setup's line of the table.
type row struct {
	setup    string
	rules    int
	samples  []sample
	baseline []sample
}

// measure has the setups take turns, so that whatever else the machine does
// meets all of them.
func (s *stage) measure(ctx context.Context, rules int) ([]row, error) {
	setups := []string{setupNone, setupCEL, setupCountersign}
	samples := map[string][]sample{}
	for range rounds {
		for _, setup := range setups {
			some, err := s.round(ctx, setup)
			if err != nil {
				return nil, fmt.Errorf("%s with %d rules: %w", setup, rules, err)
			}
			samples[setup] = append(samples[setup], some...)
		}
	}
	var rows []row
	for _, setup := range setups {
		rows = append(rows, row{setup: setup, rules: rules, samples: samples[setup], baseline: samples[setupNone]})
	}
	return rows, nil
}

func (s *stage) round(ctx context.Context, setup string) ([]sample, error) {
	var samples []sample
	for len(samples) < perRound {
		started := time.Now()
		if err := s.create(ctx, setup, "allowed"); err != nil {
			return nil, err
		}
		samples = append(samples, time.Since(started))
		if len(samples) == perRoundSlow && samples[0] > slow {
			break
		}
	}
	return samples, nil
}

// create is a dry run: everything but the write to etcd.
func (s *stage) create(ctx context.Context, setup, tree string) error {
	object := &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: setup, Name: "bench"},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, VaultRole: role, DataFrom: []string{"kv/data/" + tree + "/db"}},
	}
	return s.env.Client.Create(ctx, object, client.DryRunAll)
}

func percentile(samples []sample, percent int) sample {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

// printTable is Markdown, with what each setup adds to the middle create.
func printTable(out io.Writer, rows []row) {
	_, _ = fmt.Fprint(out, "| admission | rules | creates | p50 | p99 | added at p50 | over none |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		p50, none := percentile(r.samples, 50), percentile(r.baseline, 50)
		_, _ = fmt.Fprintf(out, "| %s | %d | %d | %s | %s | %s | %.2f |\n", r.setup, r.rules, len(r.samples),
			inMilliseconds(p50), inMilliseconds(percentile(r.samples, 99)), inMilliseconds(p50-none), float64(p50)/float64(none))
	}
}

func inMilliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}
