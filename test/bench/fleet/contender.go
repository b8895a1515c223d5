package main

import (
	"context"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/bench/stage"
)

// contender is one way to have the Secrets.
type contender struct {
	name string
	peer bool
	// bare is no product, and its process is this one.
	bare bool
	kind schema.GroupVersionKind
	// prepare what has to stand before the objects do.
	prepare func(context.Context, *stage.Stage) error
	// object is the same wish in the contender's API.
	object func(key client.ObjectKey, path string) client.Object
	// start the process that syncs.
	start func(context.Context, *stage.Stage) (process, error)
	// args of the process.
	args []string
}

// process is what is measured.
type process interface {
	PID() int
	Stop() error
}

// Names of Countersign's contenders.
const (
	countersignDefault = "Countersign, defaults: 100 requests/s, burst 200"
	// Of the workers a backlog, which a cold sync is, gets half.
	countersignLifted = "Countersign, budget lifted, 10 workers at a backlog"
)

func countersigns() []contender {
	return []contender{
		countersign(countersignDefault, stage.DefaultBudget()),
		countersign(countersignLifted, stage.LiftedBudget(), "--workers=20"),
	}
}

func countersign(name string, budget stage.Budget, args ...string) contender {
	return contender{
		name: name, kind: kesv1.GroupVersion().WithKind("ExternalSecret"), object: stage.ExternalSecret, args: args,
		prepare: func(ctx context.Context, s *stage.Stage) error { return s.InstallCountersign(ctx, budget) },
		start: func(ctx context.Context, s *stage.Stage) (process, error) {
			return s.Sync(ctx, args...)
		},
	}
}
