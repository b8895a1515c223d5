package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/countersign/countersign/policy"
)

// storeRetry is when a write that failed is tried again.
const storeRetry = 30 * time.Second

// LastGoodStore keeps the last good policy in a ConfigMap of the chart's, so
// that it survives restarts and reaches new replicas. Every replica reads it
// once, at its start; only the leader writes.
type LastGoodStore struct {
	client  client.Writer
	live    client.Reader
	key     client.ObjectKey
	metrics *PolicyMetrics
	// pending is the latest policy that is not written yet.
	pending chan *lastGood
}

// NewLastGoodStore uses the ConfigMap of that key, which has to exist.
func NewLastGoodStore(writer client.Writer, live client.Reader, key client.ObjectKey, metrics *PolicyMetrics) *LastGoodStore {
	return &LastGoodStore{client: writer, live: live, key: key, metrics: metrics, pending: make(chan *lastGood, 1)}
}

// load reads what was kept: nothing, or a policy as a whole. Half of one may be
// the half without the deny rules.
func (s *LastGoodStore) load(ctx context.Context, settings policy.Settings) (*lastGood, error) {
	configMap := &corev1.ConfigMap{}
	backoff := wait.Backoff{Steps: 5, Duration: 200 * time.Millisecond, Factor: 2}
	mayPass := func(err error) bool {
		return ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err)
	}
	err := retry.OnError(backoff, mayPass, func() error { return s.live.Get(ctx, s.key, configMap) })
	if err != nil {
		return nil, fmt.Errorf("read ConfigMap %s: %w", s.key, err)
	}
	if len(configMap.BinaryData) == 0 {
		return &lastGood{}, nil
	}
	var good *lastGood
	entries, err := decodeEntries(configMap.BinaryData)
	if err == nil {
		good, err = compile(entries, settings)
	}
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s: %w", s.key, err)
	}
	return good, nil
}

// keep has the policy written by and by, if this replica leads or once it does.
func (s *LastGoodStore) keep(good *lastGood) {
	select {
	case <-s.pending:
	default:
	}
	s.pending <- good
}

// NeedLeaderElection is true: replicas that write in turns would fight.
func (s *LastGoodStore) NeedLeaderElection() bool { return true }

// Start writes what is to be kept, until ctx ends.
func (s *LastGoodStore) Start(ctx context.Context) error {
	var good *lastGood
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case good = <-s.pending:
		case <-again:
		}
		again = nil
		err := retry.RetryOnConflict(retry.DefaultRetry, func() error { return s.save(ctx, good.entries) })
		s.metrics.kept(err == nil)
		if err == nil {
			continue
		}
		log.FromContext(ctx).Error(err, "the last good policy is not kept for restarts", "revision", good.policy.Revision())
		if !errors.Is(err, errTooLarge) {
			again = time.After(storeRetry)
		}
	}
}

// save writes the entries if they are not there already. In place of what does
// not fit nothing is kept: an older policy may grant what was revoked since.
func (s *LastGoodStore) save(ctx context.Context, good entries) error {
	configMap := &corev1.ConfigMap{}
	if err := s.live.Get(ctx, s.key, configMap); err != nil {
		return fmt.Errorf("read ConfigMap %s: %w", s.key, err)
	}
	encoded, unfit := encodeEntries(good)
	if maps.EqualFunc(configMap.BinaryData, encoded, bytes.Equal) {
		return unfit
	}
	configMap.BinaryData = encoded
	// The cache never holds this ConfigMap, so that no read may wait for it.
	if err := s.client.Update(ctx, configMap, client.DisableReadYourWritesConsistency); err != nil {
		return fmt.Errorf("write ConfigMap %s: %w", s.key, err)
	}
	return unfit
}
