package resilience

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign/countersign/test/harness"
)

const tokenHeader = "X-Vault-Token"

// fault answers in the place of Vault, which is next.
type fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// arrival is one request that came to the proxy.
type arrival struct {
	at   time.Time
	path string
}

// proxy stands between Countersign and Vault.
type proxy struct {
	address string
	vault   http.Handler

	mutex    sync.Mutex
	server   *http.Server
	fault    fault
	gate     *gate
	arrivals []arrival
}

func startProxy(vault string) (*proxy, error) {
	target, err := url.Parse(vault)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	// A client that went away in the middle is no news.
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	p := &proxy{address: "http://" + listener.Addr().String(), vault: forward}
	p.serve(listener)
	return p, nil
}

func (p *proxy) serve(listener net.Listener) {
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	p.mutex.Lock()
	p.server = server
	p.mutex.Unlock()
	go func() { _ = server.Serve(listener) }()
}

// refuse has nobody listen, and ends the connections that stand.
func (p *proxy) refuse() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	_ = p.server.Close()
}

// listen ends refuse.
func (p *proxy) listen(t *testing.T) {
	t.Helper()
	var listener net.Listener
	harness.Await(t, within, func(ctx context.Context) (err error) {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", strings.TrimPrefix(p.address, "http://"))
		return err
	})
	p.serve(listener)
}

// misbehave until it is called with nil.
func (p *proxy) misbehave(f fault) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.fault = f
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	p.arrivals = append(p.arrivals, arrival{at: time.Now(), path: strings.TrimPrefix(r.URL.Path, "/v1/")})
	misbehave, gate := p.fault, p.gate
	p.mutex.Unlock()
	if gate != nil && gate.holds(r) {
		gate.pass(w, r, p.vault)
		return
	}
	if misbehave != nil {
		misbehave(w, r, p.vault)
		return
	}
	p.vault.ServeHTTP(w, r)
}

// since are the arrivals after a number of them.
func (p *proxy) since(number int) []arrival {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]arrival(nil), p.arrivals[number:]...)
}

func (p *proxy) count() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.arrivals)
}

// gate holds requests back until it opens.
type gate struct {
	holds func(*http.Request) bool
	// asked: Vault is asked at once, and only its answer is held back.
	asked bool
	open  func()

	opened  chan struct{}
	mutex   sync.Mutex
	waiting int
}

// hold closes a gate for the requests of a kind, until it is opened; at the
// latest when the test ends.
func (p *proxy) hold(t *testing.T, g *gate) *gate {
	t.Helper()
	g.opened = make(chan struct{})
	g.open = sync.OnceFunc(func() {
		p.mutex.Lock()
		p.gate = nil
		p.mutex.Unlock()
		close(g.opened)
	})
	t.Cleanup(g.open)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.gate = g
	return g
}

func (g *gate) pass(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if g.asked {
		held := httptest.NewRecorder()
		next.ServeHTTP(held, r)
		defer copyAnswer(w, held)
	} else {
		defer next.ServeHTTP(w, r)
	}
	g.mutex.Lock()
	g.waiting++
	g.mutex.Unlock()
	<-g.opened
}

// reached waits until a number of requests stand at the gate.
func (g *gate) reached(t *testing.T, number int) {
	t.Helper()
	harness.Await(t, within, func(context.Context) error {
		g.mutex.Lock()
		defer g.mutex.Unlock()
		if g.waiting < number {
			return fmt.Errorf("%d requests at the gate, want %d", g.waiting, number)
		}
		return nil
	})
}

func isLogin(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/login") }

func readsOf(path string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Path == "/v1/"+path }
}

func copyAnswer(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// answers with a code and Vault's list of errors.
func answers(code int, message string, header http.Header) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"errors":[%q]}`, message)
	}
}

// hangs until the client gives up.
func hangs(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	// The server notices that only once the body is read.
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// dribbles the answer, byte by byte.
func dribbles(w http.ResponseWriter, r *http.Request, next http.Handler) {
	held := httptest.NewRecorder()
	next.ServeHTTP(held, r)
	w.WriteHeader(held.Code)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for _, one := range held.Body.Bytes() {
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
		if _, err := w.Write([]byte{one}); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}

// standsBy sends everybody to another Vault.
func standsBy(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	w.Header().Set("Location", "http://127.0.0.1:1"+r.URL.Path)
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// garbles answers with a page that quotes a secret value.
func garbles(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	_, _ = io.WriteString(w, "<html>"+canary+"</html>")
}

// fails as a broken server behind a load balancer may, quoting a secret value.
func fails(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(w, "panic: "+canary)
}

// truncates Vault's own answer.
func truncates(w http.ResponseWriter, r *http.Request, next http.Handler) {
	held := httptest.NewRecorder()
	next.ServeHTTP(held, r)
	w.Header().Set("Content-Length", strconv.Itoa(held.Body.Len()))
	w.WriteHeader(held.Code)
	_, _ = w.Write(held.Body.Bytes()[:held.Body.Len()*2/3])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// floods answers without end.
func floods(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	_, err := io.WriteString(w, `{"data":{"data":{"a":"`+canary)
	for more := bytes.Repeat([]byte(canary), 1000); err == nil; {
		_, err = w.Write(more)
	}
}

// forgets every token, in Vault's own words.
func forgets(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.Header.Get(tokenHeader) != "" {
		r.Header.Set(tokenHeader, "hvs.bogus")
	}
	next.ServeHTTP(w, r)
}

// withinBudget: a token bucket of that rate and burst would have let them
// through. What came late by up to slack may meet what came on time.
func withinBudget(arrivals []arrival, perSecond float64, burst int, slack time.Duration) error {
	for first := range arrivals {
		for last := first; last < len(arrivals); last++ {
			took := arrivals[last].at.Sub(arrivals[first].at)
			granted := float64(burst) + perSecond*(took+slack).Seconds()
			if float64(last-first+1) > granted {
				return fmt.Errorf("%d requests in %v, the budget is %v/s and %d at once", last-first+1, took, perSecond, burst)
			}
		}
	}
	return nil
}

// peak is the highest number of arrivals in one second.
func peak(arrivals []arrival) int {
	highest, first := 0, 0
	for last := range arrivals {
		for arrivals[last].at.Sub(arrivals[first].at) >= time.Second {
			first++
		}
		highest = max(highest, last-first+1)
	}
	return highest
}

func TestWithinBudget(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(milliseconds ...int) []arrival {
		var arrivals []arrival
		for _, ms := range milliseconds {
			arrivals = append(arrivals, arrival{at: start.Add(time.Duration(ms) * time.Millisecond)})
		}
		return arrivals
	}
	tests := map[string]struct {
		arrivals []arrival
		wantPeak int
		wantErr  bool
	}{
		"none":                 {},
		"a steady stream":      {arrivals: at(0, 100, 200, 300), wantPeak: 4},
		"the burst at once":    {arrivals: at(0, 0), wantPeak: 2},
		"more than the burst":  {arrivals: at(0, 0, 0), wantPeak: 3, wantErr: true},
		"a burst in the midst": {arrivals: at(0, 2000, 2000, 2000), wantPeak: 3, wantErr: true},
		"twice the rate":       {arrivals: at(0, 50, 100, 150, 200), wantPeak: 5, wantErr: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := withinBudget(tc.arrivals, 10, 2, 0); (err != nil) != tc.wantErr {
				t.Error(err)
			}
			if got := peak(tc.arrivals); got != tc.wantPeak {
				t.Errorf("peak %d, want %d", got, tc.wantPeak)
			}
		})
	}
}
