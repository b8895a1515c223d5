package webhook

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

const (
	// longestCall is the longest timeout that a webhook configuration may ask
	// for.
	// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#timeouts
	longestCall = 30 * time.Second
	// shortestCall applies to a caller that names no timeout.
	shortestCall = 3 * time.Second
	// callsPerCore bounds what is evaluated at a time: an evaluation takes
	// microseconds, decoding a large object milliseconds.
	callsPerCore = 16
)

// Server is controller-runtime's, with a bound on each call. A slow client is
// cut off, no more calls are worked on at a time than the cores are good for,
// and once draining has begun each answer closes its connection, so that the
// apiserver opens the next one elsewhere.
type Server struct {
	webhook.Server

	working  chan struct{}
	draining <-chan struct{}
}

// NewServer serves as options say. Draining closes when the process has been
// told to stop; it serves on for a while.
func NewServer(options webhook.Options, draining <-chan struct{}) *Server {
	return &Server{
		Server:   webhook.NewServer(options),
		working:  make(chan struct{}, callsPerCore*runtime.GOMAXPROCS(0)),
		draining: draining,
	}
}

// Register serves a handler within the bounds.
func (s *Server) Register(path string, handler http.Handler) {
	s.Server.Register(path, s.bounded(handler))
}

func (s *Server) bounded(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timeout := callTimeout(r)
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		// HTTP/1.1 has it; where it is not to be had, the context still ends.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout))
		if s.isDraining() {
			w.Header().Set("Connection", "close")
		}
		select {
		case s.working <- struct{}{}:
			defer func() { <-s.working }()
		case <-ctx.Done():
			http.Error(w, "countersign is busy; try again", http.StatusServiceUnavailable)
			return
		}
		handler.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (s *Server) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// callTimeout is what the apiserver says that it waits.
func callTimeout(r *http.Request) time.Duration {
	timeout, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || timeout <= 0 {
		return shortestCall
	}
	return min(timeout, longestCall)
}
