package webhook

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/log"
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
// apiserver opens the next one elsewhere. A panic is a failed call, to which the
// webhook's failurePolicy applies, and is counted.
type Server struct {
	webhook.Server

	working  chan struct{}
	draining <-chan struct{}
	panics   *prometheus.CounterVec
}

// NewServer serves as options say. Draining closes when the process has been
// told to stop; it serves on for a while.
func NewServer(options webhook.Options, draining <-chan struct{}, registry prometheus.Registerer) *Server {
	options.TLSOpts = append(options.TLSOpts, withoutHTTP2)
	s := &Server{
		Server:   webhook.NewServer(options),
		working:  make(chan struct{}, callsPerCore*runtime.GOMAXPROCS(0)),
		draining: draining,
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "countersign_webhook_panics_total", Help: "Calls of a webhook that ended in a panic, by path.",
		}, []string{"path"}),
	}
	registry.MustRegister(s.panics)
	return s
}

// withoutHTTP2: the apiserver keeps its connections open, and a call that has one
// for itself is answered sooner than a stream of a shared one.
func withoutHTTP2(config *tls.Config) { config.NextProtos = []string{"http/1.1"} }

// Register serves a handler within the bounds.
func (s *Server) Register(path string, handler http.Handler) {
	panics := s.panics.WithLabelValues(path)
	s.Server.Register(path, s.bounded(recovering(handler, panics)))
}

func (s *Server) bounded(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timeout := callTimeout(r)
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		// Where it is not to be had, the context still ends.
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

// recovering answers 500 for a panic. What controller-runtime would make of it
// refuses the object, whatever the failurePolicy says.
func recovering(handler http.Handler, panics prometheus.Counter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				panics.Inc()
				log.FromContext(r.Context()).Error(fmt.Errorf("panic: %v", cause), "a webhook panicked", "path", r.URL.Path, "stack", string(debug.Stack()))
				http.Error(w, "countersign failed over this object; its log says how", http.StatusInternalServerError)
			}
		}()
		handler.ServeHTTP(w, r)
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
