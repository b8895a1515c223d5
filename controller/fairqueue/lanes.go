package fairqueue

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type request = reconcile.Request

// lane is one of the two.
type lane int

const (
	backlog lane = iota
	fresh
)

// laneOf a priority of controller-runtime.
func laneOf(priority int) lane {
	if priority < 0 {
		return backlog
	}
	return fresh
}

// lanes store what waits. They are a workqueue.Queue, whose methods the
// workqueue calls one at a time; the mutex is for wish and release.
type lanes struct {
	// perNamespace and perBacklog bound how many are worked on at a time.
	perNamespace, perBacklog int

	mutex sync.Mutex
	// now is the time of the last wish: requests are pushed right after theirs,
	// or once they are no longer worked on.
	now     time.Time
	turn    lane
	waiting [2]ring
	// where says in which lane a request waits.
	where map[request]lane
	// wishes are lanes of requests that are about to be pushed.
	wishes map[request]lane
	// working are the lanes of requests that are worked on.
	working          map[request]lane
	workingBacklog   int
	workingNamespace map[string]int
}

func newLanes(workers int) *lanes {
	return &lanes{
		perNamespace: max(1, workers/4), perBacklog: max(1, workers/2),
		turn:    fresh,
		waiting: [2]ring{newRing(), newRing()},
		where:   map[request]lane{}, wishes: map[request]lane{}, working: map[request]lane{},
		workingNamespace: map[string]int{},
	}
}

// wish says which lane a request is for, before it is added. Fresh wins.
func (l *lanes) wish(r request, want lane, now time.Time) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.now = now
	if have, ok := l.wishes[r]; !ok || want > have {
		l.wishes[r] = want
	}
}

// Push puts a request into the lane that was wished for.
func (l *lanes) Push(r request) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.put(r, l.takeWish(r))
}

// Touch moves a request that waits in the backlog and is wanted fresh now.
func (l *lanes) Touch(r request) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.takeWish(r) == fresh && l.where[r] == backlog {
		l.waiting[backlog].remove(r)
		l.put(r, fresh)
	}
}

func (l *lanes) takeWish(r request) lane {
	want, ok := l.wishes[r]
	delete(l.wishes, r)
	if !ok {
		return fresh
	}
	return want
}

func (l *lanes) put(r request, to lane) {
	l.where[r] = to
	l.waiting[to].push(r, l.now)
}

// Len is 1 where a request may be worked on now, and 0 where none may: what
// waits beyond a bound does not count.
func (l *lanes) Len() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, _, ok := l.next(); ok {
		return 1
	}
	return 0
}

// Pop takes the next request; it is called when Len is not 0.
func (l *lanes) Pop() request {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	from, namespace, ok := l.next()
	if !ok {
		return request{}
	}
	r := l.waiting[from].pop(namespace)
	delete(l.where, r)
	l.turn = 1 - from
	l.working[r] = from
	l.workingNamespace[r.Namespace]++
	if from == backlog {
		l.workingBacklog++
	}
	return r
}

// next is the lane and the namespace whose turn it is.
func (l *lanes) next() (from lane, namespace string, ok bool) {
	for _, candidate := range [2]lane{l.turn, 1 - l.turn} {
		if candidate == backlog && l.workingBacklog >= l.perBacklog {
			continue
		}
		namespace, ok := l.waiting[candidate].first(func(namespace string) bool {
			return l.workingNamespace[namespace] < l.perNamespace
		})
		if ok {
			return candidate, namespace, true
		}
	}
	return 0, "", false
}

// release ends the work on a request.
func (l *lanes) release(r request) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	from, ok := l.working[r]
	if !ok {
		return
	}
	delete(l.working, r)
	if from == backlog {
		l.workingBacklog--
	}
	if l.workingNamespace[r.Namespace]--; l.workingNamespace[r.Namespace] == 0 {
		delete(l.workingNamespace, r.Namespace)
	}
}

// wait is how many wait in a lane, and how long the oldest has.
func (l *lanes) wait(in lane, now time.Time) (length int, oldest time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.waiting[in].length, l.waiting[in].oldest(now)
}
