package fairqueue

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Queue is a work queue with two lanes.
type Queue struct {
	*workqueue.Typed[request]

	lanes   *lanes
	limiter workqueue.TypedRateLimiter[request]
	clock   clock.WithTickerAndDelayedExecution

	length, oldest *prometheus.Desc

	mutex  sync.Mutex
	later  map[request]delayed
	closed bool
}

// delayed is an add that is still to come.
type delayed struct {
	at    time.Time
	lane  lane
	timer clock.Timer
}

var _ priorityqueue.PriorityQueue[request] = &Queue{}

// New makes the queue of a controller for a number of workers. The limiter says how long to wait
// after errors.
func New(name string, workers int, limiter workqueue.TypedRateLimiter[request], c clock.WithTickerAndDelayedExecution) *Queue {
	labels := prometheus.Labels{"controller": name}
	lanes := newLanes(workers)
	return &Queue{
		Typed: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[request]{Clock: c, Queue: lanes}),
		lanes: lanes, limiter: limiter, clock: c, later: map[request]delayed{},
		length: prometheus.NewDesc("countersign_queue_length",
			"ExternalSecrets that wait for their turn, by lane (fresh, backlog).", []string{"lane"}, labels),
		oldest: prometheus.NewDesc("countersign_queue_oldest_seconds",
			"How long the ExternalSecret has waited that waits longest for its turn, by lane; 0 if none does.", []string{"lane"}, labels),
	}
}

// Add is for a fresh change.
func (q *Queue) Add(r request) { q.add(r, fresh, q.clock.Now()) }

// AddAfter is for a fresh change, later.
func (q *Queue) AddAfter(r request, after time.Duration) { q.addAfter(r, after, fresh) }

// AddRateLimited tries again after an error.
func (q *Queue) AddRateLimited(r request) { q.addAfter(r, q.limiter.When(r), backlog) }

// Forget ends the memory of errors.
func (q *Queue) Forget(r request) { q.limiter.Forget(r) }

// NumRequeues is the number of errors in a row.
func (q *Queue) NumRequeues(r request) int { return q.limiter.NumRequeues(r) }

// AddWithOpts adds to the lane of the priority.
func (q *Queue) AddWithOpts(options priorityqueue.AddOpts, requests ...request) {
	want := fresh
	if options.Priority != nil {
		want = laneOf(*options.Priority)
	}
	for _, r := range requests {
		switch {
		case options.RateLimited:
			q.addAfter(r, q.limiter.When(r), backlog)
		default:
			q.addAfter(r, options.After, want)
		}
	}
}

// GetWithPriority is Get; the priority is that of the lane.
func (q *Queue) GetWithPriority() (r reconcile.Request, priority int, shutdown bool) {
	r, shutdown = q.Get()
	return r, 0, shutdown
}

// Done ends the work on a request.
func (q *Queue) Done(r request) {
	q.lanes.release(r)
	q.Typed.Done(r)
}

// ShutDown also ends what was to come later.
func (q *Queue) ShutDown() {
	q.mutex.Lock()
	q.closed = true
	for r, one := range q.later {
		one.timer.Stop()
		delete(q.later, r)
	}
	q.mutex.Unlock()
	q.Typed.ShutDown()
}

func (q *Queue) add(r request, to lane, now time.Time) {
	q.lanes.wish(r, to, now)
	q.Typed.Add(r)
}

// addAfter keeps, of several delays of a request, the one that ends first.
func (q *Queue) addAfter(r request, after time.Duration, to lane) {
	if after <= 0 {
		q.add(r, to, q.clock.Now())
		return
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	at := q.clock.Now().Add(after)
	known, ok := q.later[r]
	if q.closed || ok && !at.Before(known.at) {
		return
	}
	if ok {
		known.timer.Stop()
	}
	q.later[r] = delayed{at: at, lane: to, timer: q.clock.AfterFunc(after, func() { q.come(r, at) })}
}

// come adds what was to come at that time, unless something else took its
// place.
func (q *Queue) come(r request, at time.Time) {
	q.mutex.Lock()
	due, ok := q.later[r]
	if !ok || !due.at.Equal(at) {
		q.mutex.Unlock()
		return
	}
	delete(q.later, r)
	q.mutex.Unlock()
	q.add(r, due.lane, at)
}

// Describe and Collect make the queue a metric: how much waits in each lane, and
// for how long.
func (q *Queue) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- q.length
	descriptions <- q.oldest
}

// Collect looks at each scrape.
func (q *Queue) Collect(metrics chan<- prometheus.Metric) {
	for label, in := range map[string]lane{"fresh": fresh, "backlog": backlog} {
		length, oldest := q.lanes.wait(in, q.clock.Now())
		metrics <- prometheus.MustNewConstMetric(q.length, prometheus.GaugeValue, float64(length), label)
		metrics <- prometheus.MustNewConstMetric(q.oldest, prometheus.GaugeValue, oldest.Seconds(), label)
	}
}
