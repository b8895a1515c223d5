package vault

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

var errPutOff = errors.New("policy denies it now")

// gate holds reads back until it opens, and tells when the first waits there.
type gate struct {
	reached, open chan struct{}
	once          sync.Once
}

func newGate() *gate { return &gate{reached: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) answer(_ http.ResponseWriter, r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/login") {
		g.once.Do(func() { close(g.reached) })
		<-g.open
	}
	return false
}

// readAs reads one path for an object.
func (f *fixture) readAs(ctx context.Context, object, role string, guard func(context.Context) error) (*Answer, error) {
	if guard == nil {
		guard = func(context.Context) error { return nil }
	}
	return f.vault.Read(ctx, f.login(role), api.Address{Path: "secret/data/x"}, Visit{Object: object, Guard: guard})
}

// boarded waits until a number of visits wait for one flight.
func (f *fixture) boarded(t *testing.T, number int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		f.vault.airport.mutex.Lock()
		for _, waiting := range f.vault.airport.boarding {
			if len(waiting.passengers) == number {
				f.vault.airport.mutex.Unlock()
				return
			}
		}
		f.vault.airport.mutex.Unlock()
	}
	t.Fatalf("%d visits never waited together", number)
}

// hold takes the session's turn, so that flights wait for their login.
func (f *fixture) hold(t *testing.T, role string) (release func()) {
	t.Helper()
	release, err := f.vault.session(f.login(role)).lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func readsOf(requests []string) int {
	n := 0
	for _, request := range requests {
		if strings.HasPrefix(request, "GET ") {
			n++
		}
	}
	return n
}

// Reads that are wanted together go out once, and Vault hears for whom.
func TestReadsAreShared(t *testing.T) {
	f := open(t, nil)
	release := f.hold(t, "r")
	var reading sync.WaitGroup
	for _, object := range []string{"a/one", "a/two", "b/three"} {
		reading.Go(func() {
			answer, err := f.readAs(t.Context(), object, "r", nil)
			if err != nil || answer.Data["n"] == nil {
				t.Errorf("%s: %v, %v", object, answer, err)
			}
		})
	}
	f.boarded(t, 3)
	release()
	reading.Wait()
	if got := readsOf(f.seen()); got != 1 {
		t.Errorf("%d reads, want 1", got)
	}
	names := strings.Split(f.objects[len(f.objects)-1], ",")
	if len(names) != 3 {
		t.Errorf("Vault heard %v", names)
	}
}

// One whose read is wanted after the bytes left waits for the next.
func TestReadsThatLeftAreNotShared(t *testing.T) {
	f := open(t, nil)
	gate := newGate()
	f.answer = gate.answer
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = f.readAs(t.Context(), "a/early", "r", nil) })
	<-gate.reached
	reading.Go(func() { _, _ = f.readAs(t.Context(), "a/late", "r", nil) })
	close(gate.open)
	reading.Wait()
	if got := readsOf(f.seen()); got != 2 {
		t.Errorf("%d reads, want 2", got)
	}
	if diff := cmp.Diff([]string{"a/early", "a/early", "a/late"}, f.objects); diff != "" {
		t.Error(diff)
	}
}

// Different sessions never share.
func TestSessionsNeverShare(t *testing.T) {
	f := open(t, nil)
	var reading sync.WaitGroup
	for _, role := range []string{"r", "s"} {
		reading.Go(func() { _, _ = f.readAs(t.Context(), "a/one", role, nil) })
	}
	reading.Wait()
	if got := readsOf(f.seen()); got != 2 {
		t.Errorf("%d reads, want 2", got)
	}
}

// Each object that shares is judged by itself: who is denied is put off, the
// others get their answer, and with nobody left nothing is sent.
func TestGuardsOfASharedRead(t *testing.T) {
	deny := func(context.Context) error { return errPutOff }
	tests := map[string]struct {
		guards []func(context.Context) error
		reads  int
	}{
		"one of two denied": {[]func(context.Context) error{deny, nil}, 1},
		"the other of two":  {[]func(context.Context) error{nil, deny}, 1},
		"both denied":       {[]func(context.Context) error{deny, deny}, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			release := f.hold(t, "r")
			var reading sync.WaitGroup
			for i, guard := range tc.guards {
				reading.Go(func() {
					_, err := f.readAs(t.Context(), "a/"+string(rune('a'+i)), "r", guard)
					if denied := guard != nil; denied != errors.Is(err, errPutOff) {
						t.Errorf("visit %d: %v", i, err)
					}
				})
				f.boarded(t, i+1)
			}
			release()
			reading.Wait()
			if got := readsOf(f.seen()); got != tc.reads {
				t.Errorf("%d reads, want %d", got, tc.reads)
			}
		})
	}
}

// A credential that Vault makes for one is never handed to two.
func TestLeasesAreNeverShared(t *testing.T) {
	f := open(t, nil)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/login") {
			return false
		}
		_, _ = w.Write([]byte(`{"lease_id":"database/creds/r/1","lease_duration":60,"data":{"password":"x"}}`))
		return true
	}
	release := f.hold(t, "r")
	var reading sync.WaitGroup
	for _, object := range []string{"a/one", "a/two", "a/three"} {
		reading.Go(func() {
			answer, err := f.readAs(t.Context(), object, "r", nil)
			if err != nil || answer.LeaseEnds != f.clock.Now().Add(time.Minute) {
				t.Errorf("%s: %+v, %v", object, answer, err)
			}
		})
	}
	f.boarded(t, 3)
	release()
	reading.Wait()
	if got := readsOf(f.seen()); got != 3 {
		t.Errorf("%d reads, want 3", got)
	}
}

// A lease ends with the token that it hangs on, if that ends first.
func TestLeaseEndsWithItsToken(t *testing.T) {
	f := open(t, nil)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/login") {
			return false
		}
		_, _ = w.Write([]byte(`{"lease_id":"l","lease_duration":3600,"data":{}}`))
		return true
	}
	answer, err := f.readAs(t.Context(), "a/one", "r", nil)
	if err != nil || answer.LeaseEnds != f.clock.Now().Add(100*time.Second) {
		t.Errorf("%+v, %v; the token lives for 100 s", answer, err)
	}
}

// While Vault is away nothing is sent but probes, and everybody is told at once.
func TestAwayIsToldWithoutARequest(t *testing.T) {
	f := open(t, nil)
	f.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	for range 100 {
		if _, err := f.readAs(t.Context(), "a/one", "r", nil); reasonOf(err) != ReasonUnavailable {
			t.Fatalf("got %v", err)
		}
	}
	if got := len(f.seen()); got != 1 {
		t.Errorf("%d requests to a Vault that is away", got)
	}
	f.answer = nil
	f.clock.SetTime(f.clock.Now().Add(time.Minute))
	if _, err := f.readAs(t.Context(), "a/one", "r", nil); err != nil {
		t.Errorf("Vault is back, but %v", err)
	}
}

// The budget can be changed while it is in use.
func TestBudgetIsChangedLive(t *testing.T) {
	f := open(t, func(v *config.Vault) { v.RequestsPerSecond, v.Burst = 0.001, 2 })
	if _, err := f.readAs(t.Context(), "a/one", "r", nil); err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.readAs(impatient, "a/one", "r", nil); reasonOf(err) != ReasonUnavailable {
		t.Errorf("beyond the budget: %v", err)
	}
	// One who waits already is served by the new budget.
	waiting := make(chan error, 1)
	go func() {
		_, err := f.readAs(t.Context(), "a/one", "r", nil)
		waiting <- err
	}()
	f.boarded(t, 1)
	f.vault.SetBudget(1000, 1000)
	if err := <-waiting; err != nil {
		t.Errorf("within the new budget: %v", err)
	}
}
