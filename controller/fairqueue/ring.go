package fairqueue

import "container/list"

// ring has one first-in-first-out list for each namespace, and the order in
// which namespaces take turns.
type ring struct {
	order      *list.List
	namespaces map[string]*turn
	length     int
}

// turn is a namespace in the ring.
type turn struct {
	place    *list.Element
	requests *list.List
	elements map[request]*list.Element
}

func newRing() ring { return ring{order: list.New(), namespaces: map[string]*turn{}} }

func (r *ring) push(item request) {
	mine, ok := r.namespaces[item.Namespace]
	if !ok {
		mine = &turn{place: r.order.PushBack(item.Namespace), requests: list.New(), elements: map[request]*list.Element{}}
		r.namespaces[item.Namespace] = mine
	}
	mine.elements[item] = mine.requests.PushBack(item)
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
	item, _ := mine.requests.Front().Value.(request)
	r.order.MoveToBack(mine.place)
	r.remove(item)
	return item
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
