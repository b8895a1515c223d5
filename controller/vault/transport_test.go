package vault

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"
)

// As many reads as go on at once go on over connections that are there already.
func TestConnectionsAreKept(t *testing.T) {
	const atOnce = 20
	f := open(t, nil)
	if _, err := f.read(t, "secret/data/first", nil); err != nil {
		t.Fatal(err)
	}
	first, second := f.connections(t, atOnce), f.connections(t, atOnce)
	if first.Len() != atOnce {
		t.Fatalf("%d reads at once came over %d connections", atOnce, first.Len())
	}
	if fresh := second.Difference(first); fresh.Len() > 0 {
		t.Errorf("%d of %d reads dialled anew", fresh.Len(), atOnce)
	}
}

// connections are those that so many reads come over, none of which is answered
// before all have come.
func (f *fixture) connections(t *testing.T, reads int) sets.Set[string] {
	t.Helper()
	var came sync.WaitGroup
	came.Add(reads)
	var mu sync.Mutex
	found := sets.New[string]()
	f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/data/") {
			return false
		}
		mu.Lock()
		found.Insert(r.RemoteAddr)
		mu.Unlock()
		came.Done()
		came.Wait()
		return false
	}
	var all sync.WaitGroup
	for i := range reads {
		all.Go(func() {
			if _, err := f.read(t, fmt.Sprintf("secret/data/%d", i), nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return found
}
