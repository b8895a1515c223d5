package controller

import (
	"context"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// attempt is one look at an object: as it stands, and as it was judged.
type attempt struct {
	source api.Synced
	// before is the object as the cache has it, and shares what it holds.
	before api.Synced
	plan   *api.Plan
	// version is what the object asks for.
	version api.Version
	// verdicts are those of the claims, by index.
	verdicts []*policy.Verdict
	secret   *standing
	// requests are those to Vault that have left.
	requests atomic.Int32
}

// plan is nil where there is nothing to do: without a policy nothing can be
// judged, and the first one enqueues everything.
func (r *Reconciler) plan(ctx context.Context, before api.Synced) (*attempt, error) {
	if r.Judge.Policy() == nil {
		return nil, nil //nolint:nilnil // That there is none is the answer.
	}
	if !before.GetDeletionTimestamp().IsZero() {
		return nil, r.letGo(ctx, before)
	}
	if isPaused(before) {
		return nil, nil //nolint:nilnil // As above.
	}
	plan, err := before.Plan(ctx, r.Around)
	if plan == nil || err != nil {
		return nil, err
	}
	source := before.DeepCopyObject().(api.Synced) //nolint:forcetypeassert // A deep copy has the type of its original.
	return &attempt{source: source, before: before, plan: plan, version: plan.Version(source)}, nil
}

// key is the object's.
func (a *attempt) key() types.NamespacedName { return keyOf(a.source) }

// secretKey is that of the Secret.
func (a *attempt) secretKey() types.NamespacedName {
	return types.NamespacedName{Namespace: a.source.GetNamespace(), Name: a.source.SecretName()}
}

// manager owns what is written of the Secret. Several objects may add to one
// that is nobody's: each has a manager of its own there.
func (a *attempt) manager() string {
	if a.plan.Target.Creation.Merges() {
		return managerOf(a.source)
	}
	return FieldManager
}

// judge has all claims judged; the answer is of all of them together.
func (a *attempt) judge(ctx context.Context, judge *config.Judge) (*policy.Verdict, error) {
	verdicts, err := evaluate(ctx, judge, a.plan)
	if err != nil {
		return nil, err
	}
	a.verdicts = verdicts
	return policy.Merge(verdicts...), nil
}

func evaluate(ctx context.Context, judge *config.Judge, plan *api.Plan) ([]*policy.Verdict, error) {
	verdicts := []*policy.Verdict{}
	for _, claim := range plan.Claims {
		verdict, err := judge.Evaluate(ctx, claim)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts, nil
}

// sameLogins reports whether two verdicts of equal claims log in alike.
func sameLogins(a, b []*policy.Verdict) bool {
	return slices.EqualFunc(a, b, func(a, b *policy.Verdict) bool {
		return slices.EqualFunc(a.Grants, b.Grants, sameIdentity)
	})
}

func sameIdentity(a, b policy.Grant) bool { return a.ServiceAccount == b.ServiceAccount }
