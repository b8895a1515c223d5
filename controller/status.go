package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// setAllowed tells whether policy allows the object now.
func setAllowed(source api.Synced, verdict *policy.Verdict) {
	condition := metav1.Condition{
		Type: api.ConditionAllowed, Status: metav1.ConditionTrue, Reason: reasonPolicyAllows,
		Message: "every read is allowed", ObservedGeneration: source.GetGeneration(),
	}
	switch verdict.Outcome() {
	case policy.Allowed:
	case policy.Denied:
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonPolicyDenied
		condition.Message = api.Bounded(joined(verdict.Denials()))
	case policy.Warned:
		condition.Reason = reasonPolicyWarns
		condition.Message = api.Bounded("let pass: " + strings.Join(verdict.Messages(), "; "))
	case policy.Audited:
		condition.Reason = reasonPolicyAudits
		condition.Message = api.Bounded("let pass: " + strings.Join(verdict.Messages(), "; "))
	}
	apimeta.SetStatusCondition(&source.SyncStatus().Conditions, condition)
}

// record writes the outcome into the status: what a user asks, and what the
// next reconcile needs to know. Where nothing is new it changes nothing, so
// that a restart writes nothing.
func (r *Reconciler) record(this *attempt, outcome *outcome) {
	now := metav1.NewTime(r.Clock.Now())
	switch {
	case outcome.idle:
		adoptCondition(this)
	case outcome.failure != nil && r.stillAway(this, outcome.failure):
		// It was told when it began.
	case outcome.failure == nil:
		became := cmp.Or(outcome.success, secretSynced())
		setReady(this.source, became)
		if !became.waits {
			this.source.Report(now, "")
		}
	default:
		r.recordRetry(this, outcome.failure)
		if setNotReady(this.source, outcome.failure) {
			this.source.Report(now, api.Bounded(outcome.failure.message))
		}
	}
}

// adoptCondition gives an object that a predecessor synced its first condition.
func adoptCondition(this *attempt) {
	ready := apimeta.FindStatusCondition(this.source.SyncStatus().Conditions, api.ConditionReady)
	if predecessor := this.source.SyncedByPredecessor(); ready == nil && predecessor != nil && *predecessor == this.version {
		setReady(this.source, secretSynced())
	}
}

func setReady(source api.Synced, success *success) {
	apimeta.SetStatusCondition(&source.SyncStatus().Conditions, metav1.Condition{
		Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: success.reason,
		Message: success.message, ObservedGeneration: source.GetGeneration(),
	})
}

// setNotReady reports whether that says anything new.
func setNotReady(source api.Synced, failure *failure) bool {
	return apimeta.SetStatusCondition(&source.SyncStatus().Conditions, metav1.Condition{
		Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: failure.reason,
		Message: api.Bounded(failure.message), ObservedGeneration: source.GetGeneration(),
	})
}

// announce tells a transition as an event, once per change and not per retry.
// The status is written before: what could not be written will be tried again.
func (r *Reconciler) announce(ctx context.Context, this *attempt) {
	status, before := this.source.SyncStatus(), this.before.SyncStatus()
	was := apimeta.FindStatusCondition(before.Conditions, api.ConditionReady)
	is := apimeta.FindStatusCondition(status.Conditions, api.ConditionReady)
	if is == nil || reflect.DeepEqual(was, is) && status.Synced() == before.Synced() {
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status != metav1.ConditionTrue {
		kind = corev1.EventTypeWarning
	}
	r.emit(ctx, this.source, kind, this.eventReason(*is), is.Message)
}

// namesEvents is an object whose dialect has names of its own for events.
type namesEvents interface {
	EventReason(ready metav1.Condition, created bool) string
}

func (a *attempt) eventReason(ready metav1.Condition) string {
	named, ok := a.source.(namesEvents)
	if !ok {
		return ready.Reason
	}
	was, is := a.before.SyncStatus().Secret, a.source.SyncStatus().Secret
	return named.EventReason(ready, is != nil && (was == nil || was.UID != is.UID))
}

// readStates are the distinct paths and the KV versions that were answered.
func readStates(doors []*door) []api.ReadState {
	var states []api.ReadState
	for _, one := range doors {
		for _, address := range one.order {
			state := api.ReadState{Path: address.Path, Version: kvVersion(one.answers[address].Data)}
			if !address.List && !slices.Contains(states, state) {
				states = append(states, state)
			}
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
