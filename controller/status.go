package controller

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// setAllowed tells whether policy allows the object now.
func setAllowed(source api.Source, verdict *policy.Verdict) {
	condition := metav1.Condition{
		Type: api.ConditionAllowed, Status: metav1.ConditionTrue, Reason: reasonPolicyAllows,
		Message: "every read is allowed", ObservedGeneration: source.GetGeneration(),
	}
	switch verdict.Outcome() {
	case policy.Allowed:
	case policy.Denied:
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonPolicyDenied
		condition.Message = bounded(joined(verdict.Denials()))
	case policy.Warned:
		condition.Reason = reasonPolicyWarns
		condition.Message = bounded("let pass: " + strings.Join(verdict.Messages(), "; "))
	case policy.Audited:
		condition.Reason = reasonPolicyAudits
		condition.Message = bounded("let pass: " + strings.Join(verdict.Messages(), "; "))
	}
	apimeta.SetStatusCondition(&source.SyncStatus().Conditions, condition)
}

// record writes the outcome into the status: what a user asks, and what the
// next reconcile needs to know. Where nothing is new it changes nothing, so
// that a restart writes nothing.
func (r *Reconciler) record(source api.Source, outcome *outcome) {
	switch {
	case outcome.idle:
		adoptCondition(source)
	case outcome.failure != nil && r.stillAway(source, outcome.failure):
		// It was told when it began.
	case outcome.failure == nil:
		setReady(source, nil)
		source.Report(metav1.NewTime(r.Clock.Now()), "")
	default:
		r.recordRetry(source, outcome.failure)
		if setReady(source, outcome.failure) {
			source.Report(metav1.NewTime(r.Clock.Now()), bounded(outcome.failure.message))
		}
	}
}

// adoptCondition gives an object that a predecessor synced its first condition.
func adoptCondition(source api.Source) {
	ready := apimeta.FindStatusCondition(source.SyncStatus().Conditions, api.ConditionReady)
	if predecessor := source.SyncedByPredecessor(); ready == nil && predecessor != nil && *predecessor == api.VersionOf(source) {
		setReady(source, nil)
	}
}

// setReady reports whether that says anything new.
func setReady(source api.Source, failure *failure) bool {
	ready := metav1.Condition{
		Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: reasonSynced,
		Message: "the Secret holds what was last asked for", ObservedGeneration: source.GetGeneration(),
	}
	if failure != nil {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, failure.reason, bounded(failure.message)
	}
	return apimeta.SetStatusCondition(&source.SyncStatus().Conditions, ready)
}

// announce tells a transition as an event, once per change and not per retry.
// The status is written before: what could not be written will be tried again.
func (r *Reconciler) announce(source, before api.Source) {
	was := apimeta.FindStatusCondition(before.SyncStatus().Conditions, api.ConditionReady)
	is := apimeta.FindStatusCondition(source.SyncStatus().Conditions, api.ConditionReady)
	if is == nil || reflect.DeepEqual(was, is) && source.SyncStatus().Synced() == before.SyncStatus().Synced() {
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status != metav1.ConditionTrue {
		kind = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(source, nil, kind, is.Reason, "Sync", "%s", is.Message)
}

// patchStatus writes the status if it says anything new, and nobody else has
// written it meanwhile: a leader that has lost its lease unawares has nothing to
// say.
func (r *Reconciler) patchStatus(ctx context.Context, source, before api.Source) error {
	if reflect.DeepEqual(source, before) {
		return nil
	}
	write := func() error {
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		return r.Status().Patch(ctx, source, patch, client.FieldOwner(FieldManager))
	}
	return client.IgnoreNotFound(persist(ctx, write, func() error { return r.catchUp(ctx, source, before) }))
}

// catchUp with a change of the object that is none of its status.
func (r *Reconciler) catchUp(ctx context.Context, source, before api.Source) error {
	now := r.New()
	if err := r.Live.Get(ctx, keyOf(source), now); err != nil {
		return err
	}
	if now.GetUID() != source.GetUID() || !equality.Semantic.DeepEqual(now.SyncStatus(), before.SyncStatus()) {
		return errOutdated
	}
	source.SetResourceVersion(now.GetResourceVersion())
	before.SetResourceVersion(now.GetResourceVersion())
	return nil
}

// readStates are the distinct paths and the KV versions that were answered.
func readStates(claim *policy.Claim, values api.Values) []api.ReadState {
	var states []api.ReadState
	for _, read := range claim.Reads {
		address := api.Address{Path: read.Path, Version: read.Version}
		state := api.ReadState{Path: read.Path, Version: kvVersion(values[address])}
		if !slices.Contains(states, state) {
			states = append(states, state)
		}
	}
	return states
}

// kvVersion is the version in the metadata of a KV v2 answer, else 0.
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
func kvVersion(answer map[string]any) int64 {
	metadata, _ := answer["metadata"].(map[string]any)
	number, _ := metadata["version"].(json.Number)
	version, err := number.Int64()
	if err != nil {
		return 0
	}
	return version
}

func bounded(message string) string {
	if len(message) > maxMessage {
		return message[:maxMessage] + "..."
	}
	return message
}
