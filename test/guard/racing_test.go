package guard

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/test/harness"
)

const (
	tenants = 20
	pairs   = 1000 / tenants
	atATime = 10
	// toldWithin is the promise for what slips through a race.
	toldWithin = 2 * time.Second
)

// create reports whether a manifest was admitted.
func (n *tenant) create(ctx context.Context, manifest string) (bool, error) {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(n.manifest(manifest)), object); err != nil {
		return false, err
	}
	err := n.env.Client.Create(ctx, object)
	if apierrors.IsInvalid(err) {
		return false, nil
	}
	return err == nil, err
}

// race creates a store and an ExternalSecret that may not use it so, at the same
// moment. It reports whether both slipped through.
func (n *tenant) race(ctx context.Context, i int) (bool, error) {
	name := fmt.Sprintf("pair-%d", i)
	manifests := []string{store(name, "reader"), strings.Replace(external(name, "other/app"), "{name: vault}", "{name: "+name+"}", 1)}
	admitted, errs := make([]bool, 2), make([]error, 2)
	start := make(chan struct{})
	var racing sync.WaitGroup
	for j, manifest := range manifests {
		racing.Go(func() {
			<-start
			admitted[j], errs[j] = n.create(ctx, manifest)
		})
	}
	close(start)
	racing.Wait()
	for _, err := range errs {
		if err != nil {
			return false, err
		}
	}
	return admitted[0] && admitted[1], nil
}

// Point 3: two that are created at the same moment may both slip through, and
// each time they do that is found within two seconds.
func TestRacingPairsAreFound(t *testing.T) {
	slipped := 0
	for range tenants {
		slipped += newTenant(t).racePairs()
	}
	t.Logf("%d of %d pairs slipped through and were told", slipped, tenants*pairs)
}

// racePairs returns how many slipped through.
func (n *tenant) racePairs() int {
	n.t.Helper()
	var escaped []string
	for i := 0; i < pairs; i += atATime {
		escaped = append(escaped, n.raceSome(i)...)
		harness.Await(n.t, toldWithin, func(ctx context.Context) error {
			got, err := n.violations(ctx)
			if err == nil && got != len(escaped) {
				err = fmt.Errorf("%d told, want %d", got, len(escaped))
			}
			return err
		})
	}
	harness.Await(n.t, within, func(ctx context.Context) error { return n.allTold(ctx, escaped) })
	return len(escaped)
}

// raceSome at a time, and returns the names of those that slipped through.
func (n *tenant) raceSome(first int) []string {
	n.t.Helper()
	var mu sync.Mutex
	var escaped []string
	var racing sync.WaitGroup
	for i := first; i < first+atATime; i++ {
		racing.Go(func() {
			both, err := n.race(n.t.Context(), i)
			if err != nil {
				n.t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if both {
				escaped = append(escaped, fmt.Sprintf("pair-%d", i))
			}
		})
	}
	racing.Wait()
	return escaped
}

// allTold: each has its event, and no other has one.
func (n *tenant) allTold(ctx context.Context, escaped []string) error {
	list := &corev1.EventList{}
	if err := n.env.Client.List(ctx, list, client.InNamespace(n.ns)); err != nil {
		return err
	}
	told := map[string]bool{}
	for _, one := range list.Items {
		if one.Reason == "PolicyDenied" {
			told[one.InvolvedObject.Name] = true
		}
	}
	for name := range told {
		if !slices.Contains(escaped, name) {
			return fmt.Errorf("%s was told, and is none of them", name)
		}
	}
	if len(told) != len(escaped) {
		return fmt.Errorf("%d events, want %d", len(told), len(escaped))
	}
	return nil
}
