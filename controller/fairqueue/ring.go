package fairqueue

import (
	"container/list"
	"time"
)

// ring has one first-in-first-out list for each namespace, and the order in
// which namespaces take turns.
type ring struct {
	order      *list.List
	namespaces map[string]*turn
	length     int
}

// turn is a namespace in the ring.
type turn struct {
	place *list.Element
	// requests are waiters, the oldest first.
	requests *list.List
	elements map[request]*list.Element
}

// waiter is a request, and since when it waits.
type waiter struct {
	request

	since time.Time
}

func newRing() ring { return ring{order: list.New(), namespaces: map[string]*turn{}} }

func (r *ring) push(item request, now time.Time) {
	mine, ok := r.namespaces[item.Namespace]
	if !ok {
		mine = &turn{place: r.order.PushBack(item.Namespace), requests: list.New(), elements: map[request]*list.Element{}}
		r.namespaces[item.Namespace] = mine
	}
	mine.elements[item] = mine.requests.PushBack(waiter{item, now})
	r.length++
}

// first is the first namespace in the order that is fit. It looks at no more
// namespaces than are unfit, and one.
func (r *ring) first(fit func(namespace string) bool) (string, bool) {
	for at := r.order.Front(); at != nil; at = at.Next() {
		if namespace, _ := at.Value.(string); fit(namespace) {
			return namespace, true
		}
	}
	return "", false
}

// pop takes the oldest request of a namespace, which goes to the end of the
// order.
func (r *ring) pop(namespace string) request {
	mine := r.namespaces[namespace]
	first := mine.oldest()
	r.order.MoveToBack(mine.place)
	r.remove(first.request)
	return first.request
}

func (t *turn) oldest() waiter {
	first, _ := t.requests.Front().Value.(waiter)
	return first
}

// oldest is how long the one has waited that waits longest; 0 if none does.
func (r *ring) oldest(now time.Time) time.Duration {
	var longest time.Duration
	for _, one := range r.namespaces {
		longest = max(longest, now.Sub(one.oldest().since))
	}
	return longest
}

func (r *ring) remove(item request) {
	mine := r.namespaces[item.Namespace]
	mine.requests.Remove(mine.elements[item])
	delete(mine.elements, item)
	r.length--
	if mine.requests.Len() == 0 {
		r.order.Remove(mine.place)
		delete(r.namespaces, item.Namespace)
	}
}
