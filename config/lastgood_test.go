package config

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/countersign/countersign/policy"
)

// newStore is empty, as the chart makes it.
func newStore(t *testing.T) (*LastGoodStore, client.WithWatch) {
	t.Helper()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "last-good", Labels: map[string]string{"a": "b"}}}
	apiserver := fake.NewClientBuilder().WithObjects(configMap).Build()
	key := client.ObjectKeyFromObject(configMap)
	return NewLastGoodStore(apiserver, apiserver, key, NewPolicyMetrics(prometheus.NewRegistry())), apiserver
}

func stored(t *testing.T, apiserver client.Reader) *corev1.ConfigMap {
	t.Helper()
	configMap := &corev1.ConfigMap{}
	if err := apiserver.Get(t.Context(), client.ObjectKey{Namespace: "x", Name: "last-good"}, configMap); err != nil {
		t.Fatal(err)
	}
	return configMap
}

func TestStoreKeeps(t *testing.T) {
	store, apiserver := newStore(t)
	if good, err := store.load(t.Context(), policy.Settings{}); err != nil || good.policy != nil {
		t.Errorf("an empty one: %v, %v", good, err)
	}
	for _, kept := range []texts{{"a": mount, "b": usesMount}, {"b": empty}} {
		good := goodOf(t, kept)
		if err := store.save(t.Context(), good.entries); err != nil {
			t.Fatal(err)
		}
		written := stored(t, apiserver)
		if err := store.save(t.Context(), goodOf(t, kept).entries); err != nil {
			t.Fatal(err)
		}
		if again := stored(t, apiserver); again.ResourceVersion != written.ResourceVersion || again.Labels["a"] != "b" {
			t.Errorf("written again: %v, then %v", written, again)
		}
		loaded, err := store.load(t.Context(), policy.Settings{})
		if err != nil || loaded.policy.Revision() != good.policy.Revision() {
			t.Errorf("loaded %s, want %s: %v", loaded.policy.Revision(), good.policy.Revision(), err)
		}
		if diff := cmp.Diff(kept, textsOf(loaded.entries)); diff != "" {
			t.Error(diff)
		}
	}
}

// In place of what does not fit nothing stays: what stood there may grant what
// was revoked since.
func TestStoreForgetsBeforeItFallsBehind(t *testing.T) {
	store, apiserver := newStore(t)
	if err := store.save(t.Context(), goodOf(t, texts{"a": empty}).entries); err != nil {
		t.Fatal(err)
	}
	large := goodOf(t, texts{"a": noise(1), "b": noise(2)})
	for range 2 {
		if err := store.save(t.Context(), large.entries); !errors.Is(err, errTooLarge) {
			t.Errorf("got %v", err)
		}
		if left := stored(t, apiserver).BinaryData; len(left) > 0 {
			t.Errorf("%d entries are left", len(left))
		}
	}
}

// What cannot be loaded is an error and no policy, never half of one.
func TestStoreThatCannotBeLoaded(t *testing.T) {
	encoded := func(of entries) map[string][]byte {
		encoded, err := encodeEntries(of)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	one := func(text string) entries {
		return entries{"a": {data: map[string]string{"policy.yaml": policyHead + text}}}
	}
	tests := map[string]struct {
		data map[string][]byte
		want string
	}{
		"does not decode":  {map[string][]byte{"a": []byte("x")}, "ConfigMap x/last-good: binaryData[a]: "},
		"does not parse":   {encoded(one(badYAML)), "ConfigMap x/last-good: binaryData[a]: a[policy.yaml]:"},
		"does not compile": {encoded(one(usesMount)), "ConfigMap x/last-good: a[policy.yaml]:4:28: "},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			store, apiserver := newStore(t)
			configMap := stored(t, apiserver)
			configMap.BinaryData = tc.data
			if err := apiserver.Update(t.Context(), configMap); err != nil {
				t.Fatal(err)
			}
			good, err := store.load(t.Context(), policy.Settings{})
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) || good != nil {
				t.Errorf("%v, %v, want %s", good, err, tc.want)
			}
		})
	}
}

// What passes is tried again at the start; what does not is not.
func TestStoreRetriesTheRead(t *testing.T) {
	configMaps := schema.GroupResource{Resource: "configmaps"}
	tests := map[string]struct {
		fault error
		tries int
	}{
		"not there": {apierrors.NewNotFound(configMaps, "last-good"), 1},
		"no right":  {apierrors.NewForbidden(configMaps, "last-good", errors.New("no")), 1},
		"overload":  {apierrors.NewTooManyRequestsError("later"), 2},
		"trouble":   {errors.New("connection refused"), 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			store, apiserver := newStore(t)
			tries := 0
			store.live = interceptor.NewClient(apiserver, interceptor.Funcs{
				Get: func(ctx context.Context, next client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
					if tries++; tries == 1 {
						return tc.fault
					}
					return next.Get(ctx, key, object, options...)
				},
			})
			_, err := store.load(t.Context(), policy.Settings{})
			if tries != tc.tries || (err != nil) != (tc.tries == 1) {
				t.Errorf("%d tries, %v", tries, err)
			}
		})
	}
}

// The latest policy is written, by and by, once the replica leads.
func TestStoreWritesTheLatest(t *testing.T) {
	store, apiserver := newStore(t)
	if !store.NeedLeaderElection() {
		t.Error("every replica would write")
	}
	store.keep(goodOf(t, texts{"a": empty}))
	latest := goodOf(t, texts{"a": alsoEmpty})
	store.keep(latest)
	ctx, cancel := context.WithCancel(t.Context())
	store.client = interceptor.NewClient(apiserver, interceptor.Funcs{
		Update: func(ctx context.Context, next client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			defer cancel()
			return next.Update(ctx, object, options...)
		},
	})
	if err := store.Start(ctx); err != nil {
		t.Fatal(err)
	}
	loaded, err := store.load(t.Context(), policy.Settings{})
	if err != nil || loaded.policy.Revision() != latest.policy.Revision() {
		t.Errorf("%v, %v", loaded, err)
	}
}
