package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

// recorder answers as Vault would and keeps what it was asked. Real Vault is
// in the integration tests; this one can be made to misbehave.
type recorder struct {
	mu       sync.Mutex
	requests []string
	objects  []string
	answer   func(w http.ResponseWriter, r *http.Request) bool
}

func (s *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.RequestURI)
	s.objects = append(s.objects, r.Header.Get(ObjectHeader))
	s.mu.Unlock()
	if s.answer != nil && s.answer(w, r) {
		return
	}
	if strings.HasSuffix(r.URL.Path, "/login") {
		_, _ = w.Write([]byte(`{"auth":{"client_token":"t","lease_duration":100}}`))
		return
	}
	_, _ = w.Write([]byte(`{"data":{"n":1.50}}`))
}

func (s *recorder) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

type fixture struct {
	*recorder
	vault *Vault
	clock *testclock.FakePassiveClock
}

func open(t testing.TB, change func(*config.Vault)) *fixture {
	t.Helper()
	s := &recorder{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("jwt\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := config.Vault{
		Address: server.URL, AuthMount: "kubernetes", TokenFile: tokenFile,
		RequestsPerSecond: 1000, Burst: 1000, Timeout: metav1.Duration{Duration: 5 * time.Second},
	}
	if change != nil {
		change(&settings)
	}
	clock := testclock.NewFakePassiveClock(time.Unix(1_800_000_000, 0))
	opened, err := Open("default", settings, Surroundings{
		Mint: noMinter, Clock: clock, Metrics: NewMetrics(prometheus.NewRegistry()), Back: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{recorder: s, vault: opened, clock: clock}
}

// noMinter is for sessions of Countersign itself.
func noMinter(context.Context, types.NamespacedName, string) (string, error) {
	return "", errors.New("a tenant's token was asked for")
}

func (f *fixture) read(t *testing.T, path string, guard func(context.Context) error) (*Answer, error) {
	t.Helper()
	if guard == nil {
		guard = func(context.Context) error { return nil }
	}
	return f.vault.Read(t.Context(), f.login("r"),
		api.Address{Path: path}, Visit{Object: "team-a/app", Guard: guard})
}

// login is Countersign's own, where the Vault's namespace is.
func (f *fixture) login(role string) api.Login {
	namespace := f.vault.settings.Namespace
	return api.Login{Mount: "kubernetes", Role: role, Namespace: namespace, AuthNamespace: namespace}
}

func reasonOf(err error) Reason {
	if vaultErr, ok := errors.AsType[*Error](err); ok {
		return vaultErr.Reason
	}
	return ""
}

const (
	readLine = "GET /v1/secret/data/x"
)

func loginRequest(requests []string) int {
	n := 0
	for _, request := range requests {
		if strings.HasSuffix(request, "/login") {
			n++
		}
	}
	return n
}

func TestReadSendsWhatWasJudged(t *testing.T) {
	f := open(t, nil)
	// All characters of a canonical path go out as they are.
	path := "secret/data/A_z.9@b:c=d~e-f/foo..bar"
	answer, err := f.read(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Answer{Data: map[string]any{"n": json.Number("1.50")}}, answer); diff != "" {
		t.Error(diff)
	}
	want := []string{"POST /v1/auth/kubernetes/login", "GET /v1/" + path}
	if diff := cmp.Diff(want, f.seen()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"team-a/app", "team-a/app"}, f.objects); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefusesWhatWouldBeSentDifferently(t *testing.T) {
	for _, path := range []string{"a/../b", "a//b", "a/b/", "/a/b", "a/%2e%2e/b", "a/b c", "../sys/health"} {
		f := open(t, nil)
		if _, err := f.read(t, path, nil); reasonOf(err) != ReasonUnexpectedAnswer {
			t.Errorf("%q: got %v", path, err)
		}
		if len(f.seen()) > 1 {
			t.Errorf("%q: sent %v", path, f.seen())
		}
	}
}

func TestPinnedVersionIsAQuery(t *testing.T) {
	f := open(t, nil)
	visit := Visit{Object: "a/b", Guard: func(context.Context) error { return nil }}
	if _, err := f.vault.Read(t.Context(), api.Login{Mount: "kubernetes", Role: "r"}, api.Address{Path: "secret/data/x", Version: 7}, visit); err != nil {
		t.Fatal(err)
	}
	if got := f.seen()[1]; got != readLine+"?version=7" {
		t.Errorf("sent %s", got)
	}
}

func TestGuardStopsARequestBeforeItLeaves(t *testing.T) {
	f := open(t, nil)
	stop := errors.New("stop")
	if _, err := f.read(t, "secret/data/x", func(context.Context) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want the guard's own error", err)
	}
	if len(f.seen()) > 0 {
		t.Errorf("sent %v", f.seen())
	}
	// Another visit is not held up by it.
	if _, err := f.read(t, "secret/data/x", nil); err != nil {
		t.Error(err)
	}
}

func TestOneLoginHoweverManyWait(t *testing.T) {
	f := open(t, nil)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := f.read(t, "secret/data/x", nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := loginRequest(f.seen()); got != 1 {
		t.Errorf("%d logins", got)
	}
}

func TestSessionEndsBeforeItsToken(t *testing.T) {
	f := open(t, nil)
	for _, after := range []time.Duration{0, 89 * time.Second, time.Second} {
		f.clock.SetTime(f.clock.Now().Add(after))
		if _, err := f.read(t, "secret/data/x", nil); err != nil {
			t.Fatal(err)
		}
	}
	// A token of 100 s is used for 90 s.
	if got := loginRequest(f.seen()); got != 2 {
		t.Errorf("%d logins", got)
	}
}

// What Vault 1.21 says of a token that it does not know, and of a path that a
// token's policies do not cover.
const (
	invalidToken = `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`
	forbidden    = `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`
)

// An unknown token is replaced, once each time; where the new one is unknown too,
// nobody tries that again for a while. One tenant's forbidden path
// makes nobody log in again, but for once in a while.
func TestUnknownTokenIsReplacedOnce(t *testing.T) {
	tests := map[string]struct {
		body string
		// apart is the time between two reads of one forbidden path.
		apart      time.Duration
		wantLogins int
	}{
		"invalid token":                {invalidToken, 0, 2},
		"invalid token, a while apart": {invalidToken, loginFailureHolds, 4},
		"plainly forbidden":            {forbidden, 0, 1},
		"plainly forbidden, in a row":  {forbidden, freshFor - time.Second, 1},
		"plainly forbidden, long past": {forbidden, freshFor, 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/login") {
					_, _ = w.Write([]byte(`{"auth":{"client_token":"t","lease_duration":3600}}`))
					return true
				}
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(tc.body))
				return true
			}
			for range 2 {
				if _, err := f.read(t, "secret/data/x", nil); reasonOf(err) != ReasonForbidden {
					t.Errorf("got %v", err)
				}
				f.clock.SetTime(f.clock.Now().Add(tc.apart))
			}
			if got := loginRequest(f.seen()); got != tc.wantLogins {
				t.Errorf("%d logins, want %d", got, tc.wantLogins)
			}
		})
	}
}

func TestRefusedLoginIsNotRepeatedByEverybody(t *testing.T) {
	f := open(t, nil)
	f.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"errors":["invalid role name \"r\""]}`))
		return true
	}
	for range 10 {
		_, err := f.read(t, "secret/data/x", nil)
		if reasonOf(err) != ReasonLoginRefused || !strings.Contains(err.Error(), `invalid role name "r"`) {
			t.Fatalf("got %v", err)
		}
	}
	f.clock.SetTime(f.clock.Now().Add(loginFailureHolds))
	_, _ = f.read(t, "secret/data/x", nil)
	if got := len(f.seen()); got != 2 {
		t.Errorf("%d requests, want one and one more after %v", got, loginFailureHolds)
	}
}

// A login that failed is tried again at once when Vault was away and is back.
func TestFailedLoginEndsWithTheOutage(t *testing.T) {
	f := open(t, nil)
	f.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	read := func(role string, want Reason) {
		t.Helper()
		_, err := f.readAs(t.Context(), "a/b", role, nil)
		if got := reasonOf(err); got != want {
			t.Fatalf("%s: got %v, want %q", role, err, want)
		}
	}
	read("r", ReasonUnavailable)
	f.answer = nil
	// That it was away is no failed login: nothing was sent.
	read("other", ReasonUnavailable)
	f.clock.SetTime(f.clock.Now().Add(firstProbe))
	read("other", "")
	read("r", "")
	if diff := cmp.Diff([]string{"login", "login", "x", "login", "x"}, kinds(f.seen())); diff != "" {
		t.Error(diff)
	}
}

// Only the configured Vault is ever dialled, whatever it answers.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, op := range []string{"login", "x"} {
			f, elsewhere := open(t, nil), open(t, nil)
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, op) {
					return false
				}
				http.Redirect(w, r, elsewhere.vault.settings.Address+r.URL.Path, code)
				return true
			}
			_, err := f.read(t, "secret/data/x", nil)
			if reasonOf(err) != ReasonUnavailable || !strings.Contains(err.Error(), "redirects, which is not followed") {
				t.Errorf("%d at %s: got %v", code, op, err)
			}
			if sent := elsewhere.seen(); len(sent) > 0 {
				t.Errorf("%d at %s was followed: %v", code, op, sent)
			}
			if !f.vault.breaker.isOpen() {
				t.Errorf("%d at %s: one who is sent away from it asks again and again", code, op)
			}
		}
	}
}

// While nothing works it is Vault as a whole that is waited for, whatever it
// answers; before that it may be the path alone.
func TestGarbageIsAnAbsenceOnceNothingElseComes(t *testing.T) {
	f := open(t, nil)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/login") {
			return false
		}
		_, _ = w.Write([]byte("<html>"))
		return true
	}
	for _, step := range []struct {
		path string
		want Reason
	}{
		{"secret/data/x", ReasonUnexpectedAnswer}, {"secret/data/x", ReasonUnexpectedAnswer}, {"secret/data/x", ReasonUnexpectedAnswer},
		{"secret/data/y", ReasonUnexpectedAnswer}, {"secret/data/z", ReasonUnavailable}, {"secret/data/x", ReasonUnavailable},
	} {
		if _, err := f.read(t, step.path, nil); reasonOf(err) != step.want {
			t.Errorf("%s: got %v (%s), want %s", step.path, err, reasonOf(err), step.want)
		}
	}
}

// What a broken or hostile Vault answers ends in a class and never in its text.
func TestBadAnswers(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   Reason
	}{
		"not JSON":           {200, "<html>canary", ReasonUnexpectedAnswer},
		"JSON of no answer":  {200, `"canary"`, ReasonUnexpectedAnswer},
		"no data":            {200, `{"canary":1}`, ReasonUnexpectedAnswer},
		"redirect":           {307, "canary", ReasonUnavailable},
		"not found":          {404, `{"errors":[]}`, ReasonNotFound},
		"deleted version":    {404, `{"data":{"data":null,"metadata":{"canary":1}}}`, ReasonNotFound},
		"sealed":             {503, `{"errors":["Vault is sealed"]}`, ReasonUnavailable},
		"throttled":          {429, `canary`, ReasonUnavailable},
		"error without list": {500, `canary`, ReasonUnavailable},
		"unbounded":          {200, `{"data":{"x":"` + strings.Repeat("canary", 1<<20) + `"}}`, ReasonUnexpectedAnswer},
		"unbounded error":    {403, strings.Repeat("canary", 1<<20), ReasonUnexpectedAnswer},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/login") {
					return false
				}
				if tc.status == http.StatusTemporaryRedirect {
					w.Header().Set("Location", "/v1/secret/data/other")
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
				return true
			}
			_, err := f.read(t, "secret/data/x", nil)
			if reasonOf(err) != tc.want {
				t.Errorf("got %v (%s), want %s", err, reasonOf(err), tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the answer stands in the error: %v", err)
			}
			if got := len(f.seen()); got != 2 {
				t.Errorf("sent %v", f.seen())
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	f := open(t, func(settings *config.Vault) { settings.Address = "http://127.0.0.1:1" })
	_, err := f.read(t, "secret/data/x", nil)
	if reasonOf(err) != ReasonUnavailable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestTimeout(t *testing.T) {
	f := open(t, func(settings *config.Vault) { settings.Timeout.Duration = 50 * time.Millisecond })
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-released:
		case <-r.Context().Done():
		}
		return true
	}
	if _, err := f.read(t, "secret/data/x", nil); reasonOf(err) != ReasonUnavailable {
		t.Errorf("got %v", err)
	}
}

// An answer that begins in time and does not end in it is late, not garbled.
func TestTimeoutWithinTheAnswer(t *testing.T) {
	f := open(t, func(settings *config.Vault) { settings.Timeout.Duration = 200 * time.Millisecond })
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/login") {
			return false
		}
		_, _ = w.Write([]byte(`{"data":`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	}
	_, err := f.read(t, "secret/data/x", nil)
	if reasonOf(err) != ReasonUnavailable || !strings.Contains(err.Error(), "did not answer in time") {
		t.Errorf("got %v (%s)", err, reasonOf(err))
	}
}

// A token or a namespace of the environment would outrank every session.
func TestEnvironmentIsIgnored(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "root")
	t.Setenv("VAULT_NAMESPACE", "elsewhere")
	t.Setenv("VAULT_ADDR", "http://127.0.0.1:1")
	t.Setenv("VAULT_HEADERS", `{"X-Evil":"1"}`)
	f := open(t, func(settings *config.Vault) { settings.Namespace = "ours" })
	f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Vault-Token") == "root" || r.Header.Get("X-Vault-Namespace") != "ours" || r.Header.Get("X-Evil") != "" {
			t.Errorf("headers %v", r.Header)
		}
		return false
	}
	if _, err := f.read(t, "secret/data/x", nil); err != nil {
		t.Error(err)
	}
}

// One Vault namespace for all does not make all of them share a token.
func TestEachRoleReadsWithItsOwnToken(t *testing.T) {
	f := open(t, func(settings *config.Vault) { settings.Namespace = "ours" })
	var tokens []string
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Vault-Namespace") != "ours" {
			t.Errorf("headers %v", r.Header)
		}
		if !strings.HasSuffix(r.URL.Path, "/login") {
			tokens = append(tokens, r.Header.Get("X-Vault-Token"))
			return false
		}
		var body struct{ Role string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		_, _ = fmt.Fprintf(w, `{"auth":{"client_token":"token of %s","lease_duration":100}}`, body.Role)
		return true
	}
	for _, role := range []string{"r", "s", "r"} {
		if _, err := f.readAs(t.Context(), "secret/data/x", role, nil); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"token of r", "token of s", "token of r"}, tokens); diff != "" {
		t.Error(diff)
	}
}

// A slash at the end of the address is none at the start of the path.
func TestAddressWithASlash(t *testing.T) {
	f := open(t, func(settings *config.Vault) { settings.Address += "/" })
	if _, err := f.read(t, "secret/data/x", nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"POST /v1/auth/kubernetes/login", readLine}, f.seen()); diff != "" {
		t.Error(diff)
	}
}

func TestTokenFileIsReadAtEachLogin(t *testing.T) {
	var file string
	f := open(t, func(settings *config.Vault) { file = settings.TokenFile })
	var jwts []string
	f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/login") {
			var body struct{ JWT, Role string }
			_ = json.NewDecoder(r.Body).Decode(&body)
			jwts = append(jwts, body.JWT)
		}
		return false
	}
	for _, jwt := range []string{"one", "two"} {
		if err := os.WriteFile(file, []byte(jwt), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.read(t, "secret/data/x", nil); err != nil {
			t.Fatal(err)
		}
		f.clock.SetTime(f.clock.Now().Add(time.Hour))
	}
	if diff := cmp.Diff([]string{"one", "two"}, jwts); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyConfiguredVaultsAreDialled(t *testing.T) {
	if _, err := (Vaults{}).Get("other"); reasonOf(err) != ReasonNotConfigured {
		t.Errorf("got %v", err)
	}
}
