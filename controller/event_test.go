package controller

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// slowEvents keeps events once its gate is open. A real apiserver does not wait
// for a test.
type slowEvents struct {
	client.Client

	gate chan struct{}

	mu   sync.Mutex
	kept []string
}

func (s *slowEvents) Create(ctx context.Context, object client.Object, _ ...client.CreateOption) error {
	select {
	case <-s.gate:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, object.(*eventsv1.Event).Note) //nolint:forcetypeassert // Nothing else is created.
	return nil
}

func (s *slowEvents) notes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.kept...)
}

func newsOf(i int) news {
	return news{regarding: &corev1.ObjectReference{Namespace: "team-a", Name: "app"}, note: strconv.Itoa(i)}
}

func notes(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, newsOf(i).note)
	}
	return all
}

// startEvents gives a writer that runs, and what ends it.
func startEvents(t *testing.T, to client.Client) (*EventWriter, func()) {
	t.Helper()
	writer := NewEventWriter(to, "countersign-0")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := writer.Start(ctx); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return writer, func() {
		cancel()
		<-ended
	}
}

// Who tells does not wait for the apiserver, and the end of the process does not
// come before what was told is written, in the order in which it was.
func TestEventsAreToldBehindTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := &slowEvents{gate: make(chan struct{})}
		writer, end := startEvents(t, events)
		for i := range 10 {
			writer.tell(t.Context(), newsOf(i))
		}
		if kept := events.notes(); len(kept) > 0 {
			t.Fatalf("kept behind a closed gate: %v", kept)
		}
		close(events.gate)
		end()
		if diff := cmp.Diff(notes(0, 10), events.notes()); diff != "" {
			t.Error(diff)
		}
	})
}

// Events do not pile up: where too many wait, who tells one more waits with it.
func TestEventsHoldUpWhoTellsTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := &slowEvents{gate: make(chan struct{})}
		writer, end := startEvents(t, events)
		const told = laterEvents + 1 // One of them is being written.
		for i := range told {
			writer.tell(t.Context(), newsOf(i))
			synctest.Wait()
		}
		oneMore := make(chan struct{})
		go func() {
			defer close(oneMore)
			writer.tell(t.Context(), newsOf(told))
		}()
		synctest.Wait()
		select {
		case <-oneMore:
			t.Fatal("the one too many was told at once")
		default:
		}
		close(events.gate)
		<-oneMore
		end()
		if diff := cmp.Diff(sets.List(sets.New(notes(0, told+1)...)), sets.List(sets.New(events.notes()...))); diff != "" {
			t.Error(diff)
		}
	})
}

// Nothing is lost to a writer that ends while others tell: what comes after it is
// written by who tells.
func TestEventsOutliveTheirWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := &slowEvents{gate: make(chan struct{})}
		close(events.gate)
		writer, end := startEvents(t, events)
		const tellers, each = 8, 50
		var all sync.WaitGroup
		for i := range tellers {
			all.Go(func() {
				for k := range each {
					writer.tell(t.Context(), newsOf(i*each+k))
				}
			})
		}
		end()
		all.Wait()
		writer.tell(t.Context(), newsOf(tellers*each))
		if diff := cmp.Diff(sets.List(sets.New(notes(0, tellers*each+1)...)), sets.List(sets.New(events.notes()...))); diff != "" {
			t.Error(diff)
		}
	})
}

// One that nobody has started, as in a sync that runs once, tells at once.
func TestEventsWithoutWriter(t *testing.T) {
	events := &slowEvents{gate: make(chan struct{})}
	close(events.gate)
	NewEventWriter(events, "countersign-0").tell(t.Context(), newsOf(1))
	if diff := cmp.Diff([]string{"1"}, events.notes()); diff != "" {
		t.Error(diff)
	}
}

// An apiserver that does not answer keeps nobody for long: a worker as long as
// one event may take, and the end of the process twice that.
func TestEventsGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := &slowEvents{gate: make(chan struct{})}
		writer, end := startEvents(t, events)
		for i := range 3 {
			writer.tell(t.Context(), newsOf(i))
		}
		began := time.Now()
		end()
		if took := time.Since(began); took > 2*longestEvent {
			t.Errorf("the end took %s", took)
		}
		began = time.Now()
		writer.tell(t.Context(), newsOf(4))
		if took := time.Since(began); took != longestEvent {
			t.Errorf("telling took %s, want %s", took, longestEvent)
		}
	})
}
