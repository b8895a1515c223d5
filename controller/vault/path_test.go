package vault

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// FuzzPathIsSentAsItIs: what policy calls canonical goes out byte for byte,
// through vault/api and Go's HTTP client, as a server records it; and of
// anything else either the same holds or nothing goes out.
func FuzzPathIsSentAsItIs(f *testing.F) {
	door := open(f, func(settings *config.Vault) { settings.RequestsPerSecond, settings.Burst = 1e9, 1<<30 })
	f.Fuzz(func(t *testing.T, mount, path string, version int) {
		door.forget()
		guard := func(context.Context) error { return nil }
		_, err := door.vault.Read(t.Context(), api.Login{Mount: mount, Role: "r"},
			api.Address{Path: path, Version: version}, Visit{Object: "team-a/app", Guard: guard})
		login, read := "POST /v1/auth/"+mount+"/login", "GET /v1/"+path
		if version > 0 {
			read += "?version=" + strconv.Itoa(version)
		}
		for _, line := range door.seen() {
			if line != login && line != read {
				t.Errorf("auth mount %q, path %q: sent %q", mount, path, line)
			}
		}
		canonical := policy.PathProblem(path) == "" && policy.PathProblem("auth/"+mount+"/login") == ""
		// The recorder takes what ends in /login for a login, and answers it so.
		failed := err != nil && !strings.HasSuffix(path, "/login")
		if sent := slices.Contains(door.seen(), read); canonical && (!sent || failed) {
			t.Errorf("auth mount %q, path %q: sent %q, error %v", mount, path, door.seen(), err)
		}
	})
}

// forget drops what was recorded.
func (s *recorder) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.objects = nil, nil
}
