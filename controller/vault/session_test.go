package vault

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tokens answers logins and renewals with these lives, in seconds.
func tokens(renewable bool, login, renewed int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/login"):
			_, _ = fmt.Fprintf(w, `{"auth":{"client_token":"t","lease_duration":%d,"renewable":%t}}`, login, renewable)
		case strings.HasSuffix(r.URL.Path, "/renew-self"):
			_, _ = fmt.Fprintf(w, `{"auth":{"client_token":"t","lease_duration":%d,"renewable":%t}}`, renewed, renewable)
		case strings.HasSuffix(r.URL.Path, "/revoke-self"):
			w.WriteHeader(http.StatusNoContent)
		default:
			return false
		}
		return true
	}
}

// leased answers reads with a lease that outlives the token.
func leased(renewed int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !tokens(true, 100, renewed)(w, r) {
			_, _ = w.Write([]byte(`{"lease_id":"l","lease_duration":6000,"data":{}}`))
		}
		return true
	}
}

// kinds are the last words of the requests' paths.
func kinds(requests []string) []string {
	var words []string
	for _, request := range requests {
		words = append(words, request[strings.LastIndexByte(request, '/')+1:])
	}
	return words
}

// A token is used while it lives, renewed only when a read needs it near its
// end, replaced where renewing is no use, and left to expire when idle.
func TestTokenLives(t *testing.T) {
	tests := map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		apart  time.Duration
		want   []string
	}{
		"alive":                    {tokens(true, 100, 100), 89 * time.Second, []string{"login", "x", "x"}},
		"near its end":             {tokens(true, 100, 100), 95 * time.Second, []string{"login", "x", "renew-self", "x"}},
		"near its end, batch":      {tokens(false, 100, 100), 95 * time.Second, []string{"login", "x", "login", "x"}},
		"near its longest life":    {tokens(true, 100, 5), 95 * time.Second, []string{"login", "x", "renew-self", "login", "x"}},
		"dead":                     {tokens(true, 100, 100), 100 * time.Second, []string{"login", "x", "login", "x"}},
		"for ever":                 {tokens(false, 0, 0), 10_000 * time.Hour, []string{"login", "x", "x"}},
		"leased, early":            {leased(100), 49 * time.Second, []string{"login", "x", "x"}},
		"leased, when it is due":   {leased(100), 66 * time.Second, []string{"login", "x", "renew-self", "x"}},
		"leased, longest life":     {leased(49), 66 * time.Second, []string{"login", "x", "renew-self", "login", "x"}},
		"long-lived, near its end": {tokens(true, 3600, 3600), 3571 * time.Second, []string{"login", "x", "renew-self", "x"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			f.answer = tc.answer
			for range 2 {
				if _, err := f.read(t, "secret/data/x", nil); err != nil {
					t.Fatal(err)
				}
				f.clock.SetTime(f.clock.Now().Add(tc.apart))
			}
			if diff := cmp.Diff(tc.want, kinds(f.seen())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// At shutdown live sessions are revoked where that can be, unless leases hang on
// them.
func TestCloseRevokes(t *testing.T) {
	batch := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/login") {
			return false
		}
		_, _ = w.Write([]byte(`{"auth":{"client_token":"t","token_type":"batch","lease_duration":100}}`))
		return true
	}
	tests := map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		idle   time.Duration
		want   []string
	}{
		"batch":   {batch, 0, []string{"login", "x"}},
		"live":    {tokens(true, 100, 100), 0, []string{"login", "x", "revoke-self"}},
		"expired": {tokens(true, 100, 100), 101 * time.Second, []string{"login", "x"}},
		"leased":  {leased(100), 0, []string{"login", "x"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			f.answer = tc.answer
			if _, err := f.read(t, "secret/data/x", nil); err != nil {
				t.Fatal(err)
			}
			f.clock.SetTime(f.clock.Now().Add(tc.idle))
			if err := (Vaults{"default": f.vault}).Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, kinds(f.seen())); diff != "" {
				t.Error(diff)
			}
			if got := f.vault.liveSessions(); tc.want[len(tc.want)-1] == "revoke-self" && got != 0 {
				t.Errorf("%d sessions after a revocation", got)
			}
		})
	}
}
