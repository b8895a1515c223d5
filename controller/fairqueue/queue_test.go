package fairqueue

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
)

const second = time.Second

func named(namespace, name string) request {
	return request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

func newQueue(t *testing.T) (*Queue, *testclock.FakeClock) {
	t.Helper()
	c := testclock.NewFakeClock(time.Unix(1_800_000_000, 0))
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[request](second, time.Minute)
	q := New("test", 8, limiter, c)
	t.Cleanup(q.ShutDown)
	return q, c
}

func (q *Queue) addBacklog(requests ...request) {
	q.AddWithOpts(priorityqueue.AddOpts{Priority: new(-1)}, requests...)
}

func (q *Queue) lengths() (ofFresh, ofBacklog int) {
	ofFresh, _ = q.lanes.wait(fresh, q.clock.Now())
	ofBacklog, _ = q.lanes.wait(backlog, q.clock.Now())
	return ofFresh, ofBacklog
}

// take gets and finishes a number of requests.
func take(q *Queue, number int) []string {
	var taken []string
	for range number {
		r, _ := q.Get()
		taken = append(taken, r.String())
		q.Done(r)
	}
	return taken
}

// A fresh change gets every second turn, however long the backlog is.
func TestFreshBehindABacklog(t *testing.T) {
	q, _ := newQueue(t)
	for i := range 10_000 {
		q.addBacklog(named(fmt.Sprintf("ns-%d", i%573), strconv.Itoa(i)))
	}
	q.Add(named("x", "one"))
	q.Add(named("x", "two"))
	got := take(q, 5)
	if diff := cmp.Diff([]string{"x/one", "ns-0/0", "x/two", "ns-1/1", "ns-2/2"}, got); diff != "" {
		t.Error(diff)
	}
}

// Namespaces take turns within a lane.
func TestNamespacesTakeTurns(t *testing.T) {
	q, _ := newQueue(t)
	for i := range 3 {
		q.Add(named("loud", strconv.Itoa(i)))
	}
	q.Add(named("quiet", "a"))
	q.Add(named("other", "b"))
	if diff := cmp.Diff([]string{"loud/0", "quiet/a", "other/b", "loud/1", "loud/2"}, take(q, 5)); diff != "" {
		t.Error(diff)
	}
}

// No namespace holds more than a quarter of the workers, and the backlog no
// more than half.
func TestBounds(t *testing.T) {
	q, _ := newQueue(t)
	for i := range 6 {
		q.Add(named("loud", strconv.Itoa(i)))
		q.addBacklog(named(fmt.Sprintf("b-%d", i), "x"))
	}
	working := map[string]int{}
	for q.lanes.Len() > 0 {
		r, _ := q.Get()
		if r.Namespace == "loud" {
			working["loud"]++
			continue
		}
		working["backlog"]++
	}
	if diff := cmp.Diff(map[string]int{"loud": 2, "backlog": 4}, working); diff != "" {
		t.Error(diff)
	}
	q.Add(named("quiet", "a"))
	if r, _ := q.Get(); r != named("quiet", "a") {
		t.Errorf("got %v", r)
	}
	q.Done(named("loud", "0"))
	if r, _ := q.Get(); r != named("loud", "2") {
		t.Errorf("after one of loud is done, got %v", r)
	}
}

// What waits in the backlog and is changed by its user becomes fresh; the
// opposite never happens.
func TestFreshWins(t *testing.T) {
	q, _ := newQueue(t)
	q.addBacklog(named("a", "1"), named("b", "1"), named("c", "1"))
	q.Add(named("c", "1"))
	q.addBacklog(named("c", "1"))
	if diff := cmp.Diff([]string{"c/1", "a/1", "b/1"}, take(q, 3)); diff != "" {
		t.Error(diff)
	}
}

// A request that is added while it is worked on comes again, in the lane that
// was wished for.
func TestAddedWhileWorkedOn(t *testing.T) {
	q, _ := newQueue(t)
	q.Add(named("a", "1"))
	r, _ := q.Get()
	q.addBacklog(r)
	q.addBacklog(named("b", "1"))
	q.Done(r)
	ofFresh, ofBacklog := q.lengths()
	if ofFresh != 0 || ofBacklog != 2 {
		t.Errorf("%d fresh, %d in the backlog", ofFresh, ofBacklog)
	}
}

// Of several delays the first to end counts, and the lane with it.
func TestDelays(t *testing.T) {
	q, c := newQueue(t)
	r := named("a", "1")
	q.AddWithOpts(priorityqueue.AddOpts{After: time.Minute, Priority: new(-1)}, r)
	q.AddWithOpts(priorityqueue.AddOpts{After: 10 * second, Priority: new(-1)}, r)
	q.AddAfter(r, time.Hour)
	c.Step(9 * second)
	if q.lanes.Len() != 0 {
		t.Error("came too early")
	}
	c.Step(second)
	if ofFresh, ofBacklog := q.lengths(); ofFresh != 0 || ofBacklog != 1 {
		t.Errorf("%d fresh, %d in the backlog", ofFresh, ofBacklog)
	}
	take(q, 1)
	c.Step(2 * time.Hour)
	if q.lanes.Len() != 0 {
		t.Error("came a second time")
	}
}

// After errors a request comes back later each time, in the backlog.
func TestRateLimited(t *testing.T) {
	q, c := newQueue(t)
	r := named("a", "1")
	for i, wait := range []time.Duration{second, 2 * second, 4 * second} {
		if i == 1 {
			q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, r)
		} else {
			q.AddRateLimited(r)
		}
		c.Step(wait - 1)
		if q.lanes.Len() != 0 {
			t.Errorf("error %d: came too early", i)
		}
		c.Step(1)
		if _, ofBacklog := q.lengths(); ofBacklog != 1 {
			t.Errorf("error %d: not in the backlog", i)
		}
		take(q, 1)
	}
	if q.NumRequeues(r) != 3 {
		t.Errorf("%d errors", q.NumRequeues(r))
	}
	q.Forget(r)
	if q.NumRequeues(r) != 0 {
		t.Error("not forgotten")
	}
}

// The age of a lane is that of its oldest request, whichever namespace has it;
// what comes fresh has just begun to wait.
func TestOldest(t *testing.T) {
	q, c := newQueue(t)
	wantAges := func(ofFresh, ofBacklog time.Duration) {
		t.Helper()
		_, gotFresh := q.lanes.wait(fresh, q.clock.Now())
		_, gotBacklog := q.lanes.wait(backlog, q.clock.Now())
		if gotFresh != ofFresh || gotBacklog != ofBacklog {
			t.Errorf("fresh %s, backlog %s, want %s and %s", gotFresh, gotBacklog, ofFresh, ofBacklog)
		}
	}
	wantAges(0, 0)
	q.addBacklog(named("a", "1"))
	c.Step(10 * second)
	q.addBacklog(named("a", "2"), named("b", "1"))
	c.Step(10 * second)
	wantAges(0, 20*second)
	q.Add(named("a", "1"))
	c.Step(second)
	wantAges(second, 11*second)
	take(q, 3)
	wantAges(0, 0)
}

// After a shutdown nothing comes any more, and workers end.
func TestShutDown(t *testing.T) {
	q, c := newQueue(t)
	q.AddAfter(named("a", "1"), second)
	q.ShutDown()
	q.AddAfter(named("a", "2"), second)
	c.Step(time.Minute)
	if _, _, shutdown := q.GetWithPriority(); !shutdown {
		t.Error("a request after the shutdown")
	}
}

// Many workers, many namespaces, bounds that bite: everything is worked on, and
// nobody is left waiting.
func TestNothingIsLost(t *testing.T) {
	const workers, namespaces, each = 8, 5, 200
	limiter := workqueue.DefaultTypedControllerRateLimiter[request]()
	q := New("test", workers, limiter, clock.RealClock{})
	done := make(chan request, namespaces*each)
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for {
				r, shutdown := q.Get()
				if shutdown {
					return
				}
				done <- r
				q.Done(r)
			}
		})
	}
	for i := range namespaces * each {
		r := named(fmt.Sprintf("ns-%d", i%namespaces), strconv.Itoa(i))
		if i%3 == 0 {
			q.addBacklog(r)
			continue
		}
		q.Add(r)
	}
	seen := map[request]bool{}
	deadline := time.After(time.Minute)
	for len(seen) < namespaces*each {
		select {
		case r := <-done:
			if seen[r] {
				t.Fatalf("%v twice", r)
			}
			seen[r] = true
		case <-deadline:
			t.Fatalf("%d of %d after a minute", len(seen), namespaces*each)
		}
	}
	q.ShutDown()
	working.Wait()
}

func BenchmarkQueue(b *testing.B) {
	q := New("test", 8, workqueue.DefaultTypedControllerRateLimiter[request](), clock.RealClock{})
	defer q.ShutDown()
	requests := make([]request, 10_000)
	for i := range requests {
		requests[i] = named(fmt.Sprintf("ns-%d", i%573), strconv.Itoa(i))
	}
	for b.Loop() {
		q.addBacklog(requests...)
		for range requests {
			r, _ := q.Get()
			q.Done(r)
		}
	}
}
