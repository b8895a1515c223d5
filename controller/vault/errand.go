package vault

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Visit is on whose behalf a request is made.
type Visit struct {
	// Object is namespace/name; it goes to Vault in a header.
	Object string
	// Guard is asked after the budget has granted a request, right before its
	// bytes leave. Its error stops the request and comes back as it is.
	Guard func(context.Context) error
}

// errand is one request on its way out, for whoever it is.
type errand struct {
	op   operation
	path string
	// about is what a failure says nothing beyond: the path, or the login.
	about string
	// ownConnection: it shows a certificate that a tenant wrote.
	ownConnection bool
	// guard and object are asked right before the bytes leave.
	guard  func(context.Context) error
	object func() string
	// retryAfter is what Vault asked for, if it did.
	retryAfter time.Duration
}

type errandKey struct{}

func withErrand(ctx context.Context, e *errand) context.Context {
	return context.WithValue(ctx, errandKey{}, e)
}

// heed keeps what an answer asks for.
// https://datatracker.ietf.org/doc/html/rfc9110#name-retry-after
func (e *errand) heed(response *http.Response) {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err == nil && seconds > 0 {
		e.retryAfter = time.Duration(seconds) * time.Second
	}
}

// errands of one flight or one shutdown: who they are for.
type sender struct {
	guard  func(context.Context) error
	object func() string
}

func (s sender) errand(op operation, path string) *errand {
	return &errand{op: op, path: path, about: path, guard: s.guard, object: s.object}
}
