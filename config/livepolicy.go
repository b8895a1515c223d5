package config

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/countersign/countersign/policy"
)

// quietPeriod lets several edits of one apply arrive before the policy is
// compiled.
const quietPeriod = time.Second

// maxEventErrors bounds an event's note.
const maxEventErrors = 5

// LivePolicy follows the policy ConfigMaps of the release namespace and holds
// the last policy that compiled. It runs on every replica.
type LivePolicy struct {
	// Cache holds the policy ConfigMaps of the release namespace, and no other.
	Cache cache.Cache
	// Namespace is the release namespace.
	Namespace string
	// Settings are the operator's part of each decision.
	Settings policy.Settings
	// Recorder tells on a ConfigMap why it is not in force.
	Recorder events.EventRecorder
	// Metrics tell operators which policy is in force.
	Metrics *PolicyMetrics
	// Changed is called after each swap.
	Changed func()

	current atomic.Pointer[policy.Policy]
	good    lastGood
}

// Policy is the one in force; nil before the first has compiled. A nil Policy
// denies everything.
func (l *LivePolicy) Policy() *policy.Policy { return l.current.Load() }

// Ready is a readiness check: without a policy everything is denied.
func (l *LivePolicy) Ready(*http.Request) error {
	if l.Policy() == nil {
		return fmt.Errorf("no valid policy: no ConfigMap with the label %s=true in namespace %s compiled", policy.Label, l.Namespace)
	}
	return nil
}

// NeedLeaderElection is false: every replica decides.
func (l *LivePolicy) NeedLeaderElection() bool { return false }

// Start loads the policy and reloads it after each change, until ctx ends.
func (l *LivePolicy) Start(ctx context.Context) error {
	touched := make(chan struct{}, 1)
	informer, err := l.Cache.GetInformer(ctx, &corev1.ConfigMap{})
	if err != nil {
		return fmt.Errorf("watch policy ConfigMaps: %w", err)
	}
	if _, err := informer.AddEventHandler(signalling(touched)); err != nil {
		return fmt.Errorf("watch policy ConfigMaps: %w", err)
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil
	}
	l.reload(ctx)
	l.follow(ctx, touched)
	return nil
}

// follow reloads once no change has come for a while.
func (l *LivePolicy) follow(ctx context.Context, touched <-chan struct{}) {
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-touched:
			quiet = time.After(quietPeriod)
		case <-quiet:
			l.reload(ctx)
		}
	}
}

func signalling(touched chan<- struct{}) toolscache.ResourceEventHandler {
	signal := func() {
		select {
		case touched <- struct{}{}:
		default:
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { signal() },
		UpdateFunc: func(any, any) { signal() },
		DeleteFunc: func(any) { signal() },
	}
}

// reload compiles what stands in the ConfigMaps and swaps the policy whole, or
// leaves the last good one and says why.
func (l *LivePolicy) reload(ctx context.Context) {
	configMaps := &corev1.ConfigMapList{}
	if err := l.Cache.List(ctx, configMaps, client.InNamespace(l.Namespace)); err != nil {
		l.fail(ctx, nil, fmt.Errorf("list policy ConfigMaps: %w", err))
		return
	}
	candidate, failed := l.good.merge(configMaps.Items)
	for i := range configMaps.Items {
		if err := failed[configMaps.Items[i].Name]; err != nil {
			l.fail(ctx, &configMaps.Items[i], err)
		}
	}
	if len(failed) > 0 && l.Policy() == nil {
		// A bad ConfigMap may be the one with the deny rules.
		return
	}
	if err := l.swap(ctx, candidate); err != nil {
		l.fail(ctx, blamed(configMaps.Items, err), err)
		return
	}
	if len(failed) == 0 {
		l.Metrics.succeeded()
	}
}

func (l *LivePolicy) swap(ctx context.Context, candidate lastGood) error {
	if len(candidate) == 0 {
		return errors.New("no policy ConfigMap is left; write \"allow: []\" to deny everything")
	}
	compiled, err := policy.Compile(candidate.union(), l.Settings)
	if err != nil {
		return err
	}
	l.good = candidate
	old := l.current.Swap(compiled)
	if old.Revision() == compiled.Revision() {
		return nil
	}
	log.FromContext(ctx).Info("policy in force", "revision", compiled.Revision(), "configMaps", len(candidate))
	l.Metrics.inForce(old.Revision(), compiled.Revision())
	l.Changed()
	return nil
}

// fail reports what keeps a change out of force.
func (l *LivePolicy) fail(ctx context.Context, configMap *corev1.ConfigMap, err error) {
	l.Metrics.failed()
	log.FromContext(ctx).Error(err, "policy not taken in; the last good one stays in force", "revision", l.Policy().Revision())
	if configMap != nil {
		l.Recorder.Eventf(configMap, nil, corev1.EventTypeWarning, "PolicyInvalid", "Compile", "%s", firstErrors(err))
	}
}

// blamed is the ConfigMap that an error of the union speaks of.
func blamed(configMaps []corev1.ConfigMap, err error) *corev1.ConfigMap {
	var problems policy.Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		return nil
	}
	for i := range configMaps {
		if configMaps[i].Name == problems[0].Source {
			return &configMaps[i]
		}
	}
	return nil
}

func firstErrors(err error) string {
	var problems policy.Problems
	if !errors.As(err, &problems) || len(problems) <= maxEventErrors {
		return truncate(err.Error())
	}
	return truncate(fmt.Sprintf("%s\nand %d more", problems[:maxEventErrors].Error(), len(problems)-maxEventErrors))
}

// truncate keeps within the limit of an event's note.
func truncate(note string) string {
	const maxNote = 1000
	if len(note) > maxNote {
		return note[:maxNote] + "..."
	}
	return note
}
