package vault

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/countersign/countersign/api"
)

// wanted is one read that several objects may want together. Sessions never
// share: the session is part of it.
type wanted struct {
	session api.Login
	address api.Address
}

// passenger is one visit aboard a flight, and how it ended for it.
type passenger struct {
	ctx    context.Context //nolint:containedctx // Each passenger has a context of its own.
	visit  Visit
	answer *Answer
	err    error
	// again: the answer is somebody else's alone; ask once more.
	again bool
}

// flight is a read on its way. Until its bytes leave, others who want the same
// may board: the version of their object that asked for it was seen before it
// is sent. Later ones take the next flight.
type flight struct {
	airport *airport
	what    wanted
	done    chan struct{}

	passengers []*passenger
}

// airport has the flights that can still be boarded.
type airport struct {
	mutex    sync.Mutex
	boarding map[wanted]*flight
}

// board joins the flight for what is wanted. Who opens one has to fly it.
func (a *airport) board(ctx context.Context, what wanted, visit Visit) (mine *passenger, aboard *flight, opened bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	mine = &passenger{ctx: ctx, visit: visit}
	aboard, ok := a.boarding[what]
	if !ok {
		aboard = &flight{airport: a, what: what, done: make(chan struct{})}
		a.boarding[what] = aboard
	}
	aboard.passengers = append(aboard.passengers, mine)
	return mine, aboard, !ok
}

// depart ends boarding.
func (f *flight) depart() {
	f.airport.mutex.Lock()
	defer f.airport.mutex.Unlock()
	if f.airport.boarding[f.what] == f {
		delete(f.airport.boarding, f.what)
	}
}

// staying are the passengers that nothing has put off so far.
func (f *flight) staying() []*passenger {
	f.airport.mutex.Lock()
	defer f.airport.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(f.passengers), func(one *passenger) bool { return one.err != nil })
}

// mayLogIn is the guard of a login on the way: it lets the request leave as
// long as one passenger's guard does, and puts the others off.
func (f *flight) mayLogIn(ctx context.Context) error {
	var last error
	left := 0
	for _, one := range f.staying() {
		if one.err = one.ctx.Err(); one.err == nil {
			one.err = one.visit.Guard(ctx)
		}
		if one.err == nil {
			left++
			continue
		}
		last = one.err
	}
	if left == 0 {
		return last
	}
	return nil
}

// mayRead is the guard of the read itself: from here on nobody boards.
func (f *flight) mayRead(ctx context.Context) error {
	f.depart()
	return f.mayLogIn(ctx)
}

// objects names those that the request is for.
func (f *flight) objects() string {
	const maxNames = 10
	var names []string
	for _, one := range f.staying() {
		if !slices.Contains(names, one.visit.Object) {
			names = append(names, one.visit.Object)
		}
	}
	if len(names) > maxNames {
		names = append(names[:maxNames], "...")
	}
	return strings.Join(names, ",")
}

// land hands the answer to everybody. One that carries a lease is the first
// passenger's alone: two Secrets never hold one credential.
func (f *flight) land(answer *Answer, err error) {
	f.depart()
	for i, one := range f.staying() {
		switch {
		case err != nil:
			one.err = err
		case i > 0 && answer.isLeased():
			one.again = true
		default:
			one.answer = answer
		}
	}
	close(f.done)
}
