package config

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
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
	// Store keeps the last good policy across restarts; nil keeps it in memory
	// only.
	Store *LastGoodStore
	// Recorder tells on a ConfigMap why it is not in force.
	Recorder events.EventRecorder
	// Metrics tell operators which policy is in force.
	Metrics *PolicyMetrics
	// Changed is called after each swap.
	Changed func()

	current atomic.Pointer[policy.Policy]
	// good is the current policy or, before the first, the stored one.
	good atomic.Pointer[lastGood]
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
	l.recall(ctx)
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

// recall takes the stored last good policy up, for what does not compile now.
func (l *LivePolicy) recall(ctx context.Context) {
	if l.Store == nil {
		return
	}
	good, err := l.Store.load(ctx, l.Settings)
	l.Metrics.kept(err == nil)
	if err != nil {
		log.FromContext(ctx).Error(err, "no last good policy from before the start; policy ConfigMaps have to be valid now")
		return
	}
	l.good.Store(good)
}

// Preview is what would be in force if these were the policy ConfigMaps.
func (l *LivePolicy) Preview(configMaps []corev1.ConfigMap) *Preview {
	good := l.good.Load()
	if good == nil {
		good = &lastGood{}
	}
	return good.take(configMaps, l.Settings)
}

// PreviewChange is what would be in force if these came next.
func (l *LivePolicy) PreviewChange(before *Preview, configMaps []corev1.ConfigMap) *Preview {
	return before.good.take(configMaps, l.Settings)
}

// reload takes in what stands in the ConfigMaps, swaps the policy whole, and
// says what is not in force.
func (l *LivePolicy) reload(ctx context.Context) {
	configMaps := &corev1.ConfigMapList{}
	if err := l.Cache.List(ctx, configMaps, client.InNamespace(l.Namespace)); err != nil {
		l.fail(ctx, nil, fmt.Errorf("list policy ConfigMaps: %w", err))
		return
	}
	preview := l.Preview(configMaps.Items)
	for _, name := range slices.Sorted(maps.Keys(preview.Failed)) {
		l.fail(ctx, find(configMaps.Items, name), preview.Failed[name])
	}
	if preview.Policy() == nil {
		return
	}
	l.swap(ctx, preview.good)
	if len(preview.Failed) == 0 {
		l.Metrics.succeeded()
	}
}

func (l *LivePolicy) swap(ctx context.Context, good *lastGood) {
	l.good.Store(good)
	old := l.current.Swap(good.policy)
	if old.Revision() == good.policy.Revision() {
		return
	}
	log.FromContext(ctx).Info("policy in force", "revision", good.policy.Revision(), "configMaps", len(good.entries))
	l.Metrics.inForce(old.Revision(), good.policy.Revision())
	if l.Store != nil {
		l.Store.keep(good)
	}
	l.Changed()
}

// fail reports what keeps a change out of force.
func (l *LivePolicy) fail(ctx context.Context, configMap *corev1.ConfigMap, err error) {
	l.Metrics.failed()
	log.FromContext(ctx).Error(err, "policy not taken in; the last good one stays in force", "revision", l.Policy().Revision())
	if configMap != nil {
		l.Recorder.Eventf(configMap, nil, corev1.EventTypeWarning, "PolicyInvalid", "Compile", "%s", firstErrors(err))
	}
}

// find is nil for one that was deleted.
func find(configMaps []corev1.ConfigMap, name string) *corev1.ConfigMap {
	at := slices.IndexFunc(configMaps, func(configMap corev1.ConfigMap) bool { return configMap.Name == name })
	if at < 0 {
		return nil
	}
	return &configMaps[at]
}

func firstErrors(err error) string {
	problems := problemsOf(err)
	if len(problems) <= maxEventErrors {
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
