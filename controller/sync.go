package controller

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// outcome is what a reconcile found that the status does not tell yet.
type outcome struct {
	// failure is why the object is not synced; nil when it is.
	failure *failure
	// success is what became of the Secret where it is not simply synced.
	success *success
	// idle: nothing is new; something is due after wait, if that is not 0.
	idle bool
	wait time.Duration
	// requests are those that left for Vault, for this object alone or for
	// others too.
	requests int32
}

// sync judges, and visits Vault if the object is due. A failure is for the
// object's status; an error is Kubernetes', and the reconcile is tried again.
func (r *Reconciler) sync(ctx context.Context, this *attempt) (*outcome, error) {
	verdict, err := this.judge(ctx, r.Judge)
	if err != nil {
		return nil, err
	}
	setAllowed(this.source, verdict)
	if this.secret, err = r.standing(ctx, this); err != nil {
		return nil, err
	}
	if due := r.isDue(this, verdict.Revision); !due.now {
		return &outcome{wait: due.after, idle: true}, nil
	}
	if ending, err := r.isEnding(ctx, this.source.GetNamespace()); ending || err != nil {
		return &outcome{idle: true}, err
	}
	if outcome := r.withoutVisit(this, verdict); outcome != nil {
		return outcome, nil
	}
	outcome, err := r.visit(ctx, this)
	if err != nil {
		return nil, err
	}
	outcome.requests = this.requests.Load()
	return outcome, nil
}

// withoutVisit is the outcome of what needs nothing of Vault, or may not have
// it; nil goes on.
func (r *Reconciler) withoutVisit(this *attempt, verdict *policy.Verdict) *outcome {
	switch creation := this.plan.Target.Creation; {
	case !verdict.Allowed():
		return &outcome{failure: denied(verdict)}
	case creation == api.CreateNone:
		r.remember(this, nil, nil)
		return &outcome{success: withoutSecret()}
	case creation == api.MergeOnly && this.secret.isGone():
		return &outcome{success: secretMissing(this)}
	}
	if failure := notOwned(this); failure != nil {
		return &outcome{failure: failure}
	}
	if r.isRestore(this) {
		r.Restores.Next(this.key().String(), r.Clock.Now())
	}
	return nil
}

// visit reads everything, renders, and writes: all of it or nothing.
func (r *Reconciler) visit(ctx context.Context, this *attempt) (*outcome, error) {
	doors, err := r.doors(this)
	if err != nil {
		return outcomeOf(err)
	}
	content, err := this.plan.Render(ctx, r.material(doors))
	if err != nil {
		return outcomeOf(err)
	}
	if content.Gone {
		return r.remove(ctx, this, doors)
	}
	applied, err := r.write(ctx, this, content)
	if err != nil {
		return outcomeOfWrite(err)
	}
	if err := r.removeFormer(ctx, this); err != nil {
		return outcomeOfWrite(err)
	}
	r.remember(this, applied, doors)
	return &outcome{}, nil
}

func (r *Reconciler) material(doors []*door) api.Material {
	material := api.Material{Data: r.Data}
	for _, one := range doors {
		material.Doors = append(material.Doors, one.read)
	}
	return material
}

// remember in the status what was synced, and how the Secret was left.
func (r *Reconciler) remember(this *attempt, applied *api.SecretState, doors []*door) {
	now, status := r.Clock.Now(), this.source.SyncStatus()
	status.SetSynced(this.version, metav1.NewTime(now))
	status.Secret, status.Reads, status.Lease = applied, readStates(doors), leaseOf(doors, now)
}

// errSuperseded stops a visit whose object has changed, or is gone, meanwhile.
// The change has its own reconcile.
var errSuperseded = errors.New("the object changed meanwhile")

// guard lets a request to Vault leave only if the object still is what was
// judged, and policy and namespace allow it now, for the same identities.
func (r *Reconciler) guard(judged *attempt) func(context.Context) error {
	uid, version, verdicts := judged.source.GetUID(), judged.version, judged.verdicts
	return func(ctx context.Context) error {
		now := r.New()
		if err := r.look(ctx, judged.key(), now); err != nil {
			return errors.Join(errSuperseded, err)
		}
		if now.GetUID() != uid || isPaused(now) {
			return errSuperseded
		}
		plan, err := now.Plan(ctx, r.Around)
		switch {
		case err != nil:
			return err
		case plan == nil || plan.Version(now) != version:
			return errSuperseded
		}
		return r.mayLeave(ctx, plan, verdicts)
	}
}

func (r *Reconciler) mayLeave(ctx context.Context, plan *api.Plan, before []*policy.Verdict) error {
	verdicts, err := evaluate(ctx, r.Judge, plan)
	if err != nil {
		return err
	}
	if verdict := policy.Merge(verdicts...); !verdict.Allowed() {
		return &deniedError{verdict}
	}
	if !sameLogins(before, verdicts) {
		return errSuperseded
	}
	return nil
}

// counted counts the requests that a guard lets leave.
func counted(guard func(context.Context) error, requests *atomic.Int32) func(context.Context) error {
	return func(ctx context.Context) error {
		err := guard(ctx)
		if err == nil {
			requests.Add(1)
		}
		return err
	}
}

func keyOf(source api.Synced) types.NamespacedName {
	return types.NamespacedName{Namespace: source.GetNamespace(), Name: source.GetName()}
}
