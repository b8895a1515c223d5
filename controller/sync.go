package controller

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/controller/vault"
	"github.com/countersign/countersign/policy"
)

// outcome is what a reconcile found that the status does not tell yet.
type outcome struct {
	// failure is why the object is not synced; nil when it is.
	failure *failure
	// idle: nothing is new; something is due after wait, if that is not 0.
	idle bool
	wait time.Duration
	// requests are those that left for Vault, for this object alone or for
	// others too.
	requests int32
}

// attempt is a visit to Vault for one object, as it was judged.
type attempt struct {
	source   api.Source
	claim    *policy.Claim
	grants   []policy.Grant
	secret   *standing
	requests atomic.Int32
}

// sync judges, and visits Vault if the object is due. A failure is for the
// object's status; an error is Kubernetes', and the reconcile is tried again.
func (r *Reconciler) sync(ctx context.Context, source api.Source, claim *policy.Claim) (*outcome, error) {
	verdict, err := r.Judge.Evaluate(ctx, claim)
	if err != nil {
		return nil, err
	}
	setAllowed(source, verdict)
	secret, err := r.standing(ctx, source)
	if err != nil {
		return nil, err
	}
	if due := r.isDue(source, secret, verdict.Revision); !due.now {
		return &outcome{wait: due.after, idle: true}, nil
	}
	if ending, err := r.isEnding(ctx, source.GetNamespace()); ending || err != nil {
		return &outcome{idle: true}, err
	}
	if !verdict.Allowed() {
		return &outcome{failure: denied(verdict)}, nil
	}
	if failure := notOwned(source, secret); failure != nil {
		return &outcome{failure: failure}, nil
	}
	if r.isRestore(source, secret) {
		r.Restores.Next(keyOf(source).String(), r.Clock.Now())
	}
	this := &attempt{source: source, claim: claim, grants: verdict.Grants, secret: secret}
	outcome, err := r.visit(ctx, this)
	if err != nil {
		return nil, err
	}
	outcome.requests = this.requests.Load()
	return outcome, nil
}

// visit reads everything, renders, and writes: all of it or nothing.
func (r *Reconciler) visit(ctx context.Context, this *attempt) (*outcome, error) {
	version := api.VersionOf(this.source)
	answers, err := r.read(ctx, this)
	if err != nil {
		return outcomeOf(err)
	}
	values := valuesOf(answers)
	content, errs := this.source.Render(values)
	if len(errs) > 0 {
		return &outcome{failure: invalidValue(errs)}, nil
	}
	applied, err := r.write(ctx, this.source, this.secret, content)
	if err != nil {
		return outcomeOfWrite(err)
	}
	status := this.source.SyncStatus()
	status.SetSynced(version, metav1.NewTime(r.Clock.Now()))
	status.Secret, status.Reads = applied, readStates(this.claim, values)
	status.Lease = leaseOf(answers, r.Clock.Now())
	return &outcome{}, nil
}

// read gets each distinct path of the claim once, logged in as its grant says.
func (r *Reconciler) read(ctx context.Context, this *attempt) (map[api.Address]*vault.Answer, error) {
	door, err := r.Vaults.Get(this.claim.Vault)
	if err != nil {
		return nil, err
	}
	visit := vault.Visit{Object: keyOf(this.source).String(), Guard: counted(r.guard(this.source, this.grants), &this.requests)}
	answers := map[api.Address]*vault.Answer{}
	for i, read := range this.claim.Reads {
		address := api.Address{Path: read.Path, Version: read.Version}
		if _, ok := answers[address]; ok {
			continue
		}
		if answers[address], err = door.Read(ctx, sessionOf(this.claim, this.grants[i]), address, visit); err != nil {
			return nil, &readError{read: read, err: err}
		}
	}
	return answers, nil
}

func valuesOf(answers map[api.Address]*vault.Answer) api.Values {
	values := api.Values{}
	for address, answer := range answers {
		values[address] = answer.Data
	}
	return values
}

func sessionOf(claim *policy.Claim, grant policy.Grant) vault.SessionKey {
	key := vault.SessionKey{AuthMount: claim.AuthMount, Role: claim.Role}
	if grant.ServiceAccount != "" {
		key.Identity = types.NamespacedName{Namespace: claim.Namespace, Name: grant.ServiceAccount}
	}
	return key
}

// errSuperseded stops a visit whose object has changed, or is gone, meanwhile.
// The change has its own reconcile.
var errSuperseded = errors.New("the object changed meanwhile")

// guard lets a request to Vault leave only if the object still is what was
// judged, and policy and namespace allow it now, for the same identities.
func (r *Reconciler) guard(judged api.Source, grants []policy.Grant) func(context.Context) error {
	uid, version := judged.GetUID(), api.VersionOf(judged)
	return func(ctx context.Context) error {
		now := r.New()
		if err := r.Get(ctx, keyOf(judged), now); err != nil {
			return errors.Join(errSuperseded, err)
		}
		claim := now.Claim(r.Defaults)
		if now.GetUID() != uid || api.VersionOf(now) != version || isPaused(now) || claim == nil {
			return errSuperseded
		}
		verdict, err := r.Judge.Evaluate(ctx, claim)
		if err != nil {
			return err
		}
		if !verdict.Allowed() {
			return &deniedError{verdict}
		}
		if !slices.EqualFunc(grants, verdict.Grants, sameIdentity) {
			return errSuperseded
		}
		return nil
	}
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

func sameIdentity(a, b policy.Grant) bool { return a.ServiceAccount == b.ServiceAccount }

func keyOf(source api.Source) types.NamespacedName {
	return types.NamespacedName{Namespace: source.GetNamespace(), Name: source.GetName()}
}
