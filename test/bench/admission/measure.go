package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sample is how long one create took.
type sample = time.Duration

// row is one setup, asked with so many rules by so many clients.
type row struct {
	setup          string
	rules, clients int
	samples        []sample
	elapsed        time.Duration
}

func (r row) throughput() float64 { return float64(len(r.samples)) / r.elapsed.Seconds() }

func setups() []string { return []string{setupNone, setupCEL, setupCountersign} }

// measure has the setups take turns, so that whatever else the machine does
// meets all of them.
func (s *stand) measure(ctx context.Context, rules, clients int, size size) ([]row, error) {
	rows := make([]row, len(setups()))
	for range size.turns {
		for i, setup := range setups() {
			rows[i].setup, rows[i].rules, rows[i].clients = setup, rules, clients
			began := time.Now()
			some, err := s.turn(ctx, setup, clients, size.turn)
			if err != nil {
				return nil, fmt.Errorf("%s with %d rules: %w", setup, rules, err)
			}
			rows[i].elapsed += time.Since(began)
			rows[i].samples = append(rows[i].samples, some...)
		}
	}
	return rows, nil
}

// turn has each client create one object after another until the time is up.
func (s *stand) turn(ctx context.Context, setup string, clients int, length time.Duration) ([]sample, error) {
	var mutex sync.Mutex
	var all []sample
	group, ctx := errgroup.WithContext(ctx)
	ends := time.Now().Add(length)
	for range clients {
		group.Go(func() error {
			var mine []sample
			for len(mine) == 0 || time.Now().Before(ends) {
				started := time.Now()
				if err := s.create(ctx, setup, "allowed"); err != nil {
					return err
				}
				mine = append(mine, time.Since(started))
			}
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, mine...)
			return nil
		})
	}
	return all, group.Wait()
}

// create is a dry run: everything but the write to etcd.
func (s *stand) create(ctx context.Context, setup, tree string) error {
	object := &kesv1.ExternalSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: setup, Name: "bench"},
		Spec:       kesv1.ExternalSecretSpec{BackendType: kesv1.BackendVault, VaultRole: role, DataFrom: []string{"kv/data/" + tree + "/db"}},
	}
	return s.env.Client.Create(ctx, object, client.DryRunAll)
}
