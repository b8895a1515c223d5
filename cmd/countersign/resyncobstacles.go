package main

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
)

// obstacles are why an annotated object may not be read.
type obstacles struct {
	// vain says why it never is; empty where it is.
	vain string
	// suspended: not before its user says so.
	suspended bool
}

// syncsIn goes by the stores around.
func syncsIn(around func() (api.Surroundings, error)) func(context.Context, client.Object) (bool, error) {
	return func(ctx context.Context, object client.Object) (bool, error) {
		synced, ok := object.(api.Synced)
		if !ok {
			return false, nil
		}
		known, err := around()
		if err != nil {
			return false, err
		}
		return synced.Ours(ctx, known)
	}
}

// obstacles of an object depend on who syncs it: External Secrets Operator knows
// no suspension, and Countersign heeds each resync.
func (s *selection) obstacles(ctx context.Context, object client.Object) obstacles {
	suspended := object.GetAnnotations()[api.Suspend] == "true"
	warned, stamped := object.(interface{ StampWarning() string })
	if !stamped || !suspended && warned.StampWarning() == "" {
		return obstacles{suspended: suspended}
	}
	// That stands in stores, which not everyone may read.
	ours, err := s.syncs(ctx, object)
	switch {
	case err != nil:
		return obstacles{vain: fmt.Sprintf("nobody knows whether it is read, as its stores cannot be: %v", err)}
	case ours:
		return obstacles{suspended: suspended}
	}
	return obstacles{vain: warned.StampWarning()}
}
