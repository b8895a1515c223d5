package webhook

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

func TestCallTimeout(t *testing.T) {
	tests := map[string]struct {
		query string
		want  time.Duration
	}{
		"none":         {"", shortestCall},
		"as asked":     {"?timeout=2s", 2 * time.Second},
		"longer":       {"?timeout=10m", longestCall},
		"no duration":  {"?timeout=soon", shortestCall},
		"not positive": {"?timeout=-1s", shortestCall},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := callTimeout(httptest.NewRequest(http.MethodPost, "/enforce"+tc.query, http.NoBody)); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// Calls beyond the cap wait, and are told when their time is up.
func TestServerCapsCalls(t *testing.T) {
	server := NewServer(ctrlwebhook.Options{}, t.Context().Done(), prometheus.NewRegistry())
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := server.bounded(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	}))
	for range cap(server.working) {
		go handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/?timeout=30s", http.NoBody))
	}
	for range cap(server.working) {
		<-entered
	}
	refused := httptest.NewRecorder()
	handler.ServeHTTP(refused, httptest.NewRequest(http.MethodPost, "/?timeout=10ms", http.NoBody))
	if refused.Code != http.StatusServiceUnavailable {
		t.Errorf("one call too many was answered %d", refused.Code)
	}
	waited := make(chan int)
	go func() {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/?timeout=30s", http.NoBody))
		waited <- answer.Code
	}()
	close(leave)
	<-entered
	if code := <-waited; code != http.StatusOK {
		t.Errorf("a call that waited was answered %d", code)
	}
}

// A client that does not send its request is cut off.
func TestServerCutsSlowClientsOff(t *testing.T) {
	server := NewServer(ctrlwebhook.Options{}, t.Context().Done(), prometheus.NewRegistry())
	failed := make(chan error, 1)
	listening := httptest.NewServer(server.bounded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
	})))
	defer listening.Close()
	connection, err := net.Dial("tcp", strings.TrimPrefix(listening.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if _, err := io.WriteString(connection, "POST /?timeout=50ms HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("the body was read to its end")
	}
}

// Once draining has begun, answers close their connection.
func TestServerDrains(t *testing.T) {
	draining, drain := context.WithCancel(t.Context())
	server := NewServer(ctrlwebhook.Options{}, draining.Done(), prometheus.NewRegistry())
	listening := httptest.NewServer(server.bounded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, "ok"); err != nil {
			t.Error(err)
		}
	})))
	defer listening.Close()
	closes := func() bool {
		answer, err := listening.Client().Post(listening.URL, "text/plain", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		if text, err := io.ReadAll(answer.Body); err != nil || string(text) != "ok" {
			t.Fatalf("answered %q, %v", text, err)
		}
		return answer.Close
	}
	if closes() {
		t.Error("closes before it drains")
	}
	drain()
	if !closes() {
		t.Error("keeps the connection while it drains")
	}
}

// A panic is a failed call: what comes of it is the failurePolicy's to say. It is
// counted, and the next call is served.
func TestServerRecoversPanics(t *testing.T) {
	registry := prometheus.NewRegistry()
	server := NewServer(ctrlwebhook.Options{}, t.Context().Done(), registry)
	mux := http.NewServeMux()
	server.Server = registering{mux}
	server.Register("/enforce", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			panic("as the test wants it")
		}
	}))
	for method, want := range map[string]int{http.MethodPost: http.StatusInternalServerError, http.MethodGet: http.StatusOK} {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(method, "/enforce", http.NoBody))
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", method, answer.Code, want)
		}
		if strings.Contains(answer.Body.String(), "as the test wants it") {
			t.Error("the panic is told to the caller")
		}
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("metrics %v, %v", families, err)
	}
}

// registering is a webhook server that only registers.
type registering struct{ mux *http.ServeMux }

func (r registering) Register(path string, handler http.Handler) { r.mux.Handle(path, handler) }

func (registering) NeedLeaderElection() bool { return false }

func (registering) Start(context.Context) error { return nil }

func (registering) StartedChecker() healthz.Checker { return healthz.Ping }

func (r registering) WebhookMux() *http.ServeMux { return r.mux }

func TestServerSpeaksHTTP1(t *testing.T) {
	server := NewServer(ctrlwebhook.Options{}, t.Context().Done(), prometheus.NewRegistry())
	listening := httptest.NewUnstartedServer(http.NotFoundHandler())
	listening.EnableHTTP2 = true // The client would rather speak it.
	listening.TLS = &tls.Config{NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}
	for _, option := range server.Server.(*ctrlwebhook.DefaultServer).Options.TLSOpts { //nolint:forcetypeassert // NewServer made it.
		option(listening.TLS)
	}
	listening.StartTLS()
	defer listening.Close()
	answer, err := listening.Client().Get(listening.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.ProtoMajor != 1 {
		t.Errorf("speaks %s", answer.Proto)
	}
}
