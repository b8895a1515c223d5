package v1

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

// Annotations by which ESO's users have an object read again.
// https://external-secrets.io/latest/introduction/faq/
const (
	forceSync      = "force-sync"
	groupForceSync = "external-secrets.io/force-sync"
)

// Ours are objects of stores that say so.
func (e *ExternalSecret) Ours(ctx context.Context, around api.Surroundings) (bool, error) {
	groups, err := e.Spec.reached(ctx, &asker{Surroundings: around, namespace: e.Namespace}, specPath())
	return areOurs(groups, around.Operator()), err
}

// Plan is nil where no store says that the object is Countersign's to sync.
func (e *ExternalSecret) Plan(ctx context.Context, around api.Surroundings) (*api.Plan, error) {
	asker := &asker{Surroundings: around, namespace: e.Namespace}
	if err := e.Spec.ask(ctx, asker, specPath()); err != nil || asker.doors == nil {
		return nil, err
	}
	return &api.Plan{
		Claims: asker.claims, Logins: asker.logins,
		Sources: strings.Join(asker.sources, ","), Resync: e.forcedSync(), Interval: e.Spec.interval(),
		Target: api.Target{
			Creation:    e.Spec.Target.creation(),
			Predecessor: managerOfESO(e.Name),
			Keep:        e.Spec.Target.Immutable,
		},
		Render: func(ctx context.Context, material api.Material) (*api.Content, error) {
			return e.render(ctx, func(ref StoreRef) source { return asker.source(ref, material.Doors) }, material.Data)
		},
	}, nil
}

// source is where a store's values are read.
func (a *asker) source(ref StoreRef, doors []api.Door) source {
	to := ref.referent(a.namespace)
	claim, known := a.doors[to]
	if !known {
		return source{door: closed}
	}
	return source{door: doors[claim], engine: a.engines[to]}
}

// closed is a door to what nothing was claimed of.
func closed(_ context.Context, address api.Address, at *field.Path) (map[string]any, error) {
	return nil, fmt.Errorf("%s: %q was not judged", at, address.Path)
}

// forcedSync is empty where nobody has asked for it.
func (e *ExternalSecret) forcedSync() string {
	return strings.Trim(e.Annotations[forceSync]+" "+e.Annotations[groupForceSync], " ")
}

// interval is that of an object that asks to be polled, in so many words: ESO's
// CRD fills in an hour wherever nobody has.
func (s *ExternalSecretSpec) interval() time.Duration {
	if s.RefreshPolicy != refreshPeriodic || s.Target.Immutable {
		return 0
	}
	interval, err := time.ParseDuration(s.RefreshInterval)
	if err != nil || interval <= 0 {
		return 0
	}
	return max(interval, shortestInterval)
}

// shortestInterval keeps an object from asking for more than the budget has.
const shortestInterval = time.Second

// version tells an object as it stands.
func version(object metav1.Object) string {
	return fmt.Sprintf("%s/%d", object.GetUID(), object.GetGeneration())
}

// creation: ESO's default is to own the Secret.
func (t *Target) creation() api.Creation {
	switch t.CreationPolicy {
	case policyOrphan, policyNone, policyMerge, policyCreateMerge:
		return api.Creation(t.CreationPolicy)
	default:
		return api.CreateOwned
	}
}
