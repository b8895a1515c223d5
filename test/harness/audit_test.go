package harness

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	loginRequest = `{"request":{"data":{"role":"hmac-sha256:1"},"headers":{"x-countersign-object":["ns/app"]},` +
		`"id":"1","operation":"update","path":"auth/kubernetes/login","remote_address":"127.0.0.1"},` +
		`"time":"2026-01-02T03:04:05.000000006Z","type":"request"}`
	loginResponse = `{"auth":{"display_name":"kubernetes-ns-app","metadata":{"role":"reader"},"policies":["default"]},` +
		`"request":{"id":"1","operation":"update","path":"auth/kubernetes/login","remote_address":"127.0.0.1"},` +
		`"response":{"auth":{"metadata":{"role":"reader"}}},"time":"2026-01-02T03:04:06Z","type":"response"}`
	refusedLogin = `{"request":{"id":"2","operation":"update","path":"auth/kubernetes/login","remote_address":"127.0.0.1"},` +
		`"response":{"data":{"error":"hmac-sha256:2"}},"time":"2026-01-02T03:04:05Z","type":"response"}`
	invalidToken = `{"error":"2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",` +
		`"request":{"id":"3","operation":"read","path":"secret/data/app","remote_address":"127.0.0.1"},` +
		`"time":"2026-01-02T03:04:05Z","type":"request"}`
	keyCalledError = `{"request":{"id":"4","operation":"read","path":"one/app","remote_address":"127.0.0.1"},` +
		`"response":{"data":{"error":"hmac-sha256:3"}},"time":"2026-01-02T03:04:05Z","type":"response"}`
	ownRequest = `{"auth":{"display_name":"token","policies":["root"]},"request":{"id":"5","operation":"read",` +
		`"path":"secret/data/app","remote_address":"127.0.0.1"},"time":"2026-01-02T03:04:05Z","type":"request"}`
	internalRequest = `{"request":{"id":"6","operation":"update","path":"sys/audit/test"},` +
		`"time":"2026-01-02T03:04:05Z","type":"request"}`
)

func TestParseAudit(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const login = "auth/kubernetes/login"
	tests := map[string]struct {
		log     string
		want    []AuditEntry
		wantErr string
	}{
		"empty": {},
		"the role of a login is known from its response": {
			log: loginRequest + "\n" + loginResponse + "\n",
			want: []AuditEntry{
				{RequestID: "1", Time: at.Add(6), Type: "request", Operation: "update", Path: login, Role: "reader", Object: "ns/app"},
				{
					RequestID: "1", Time: at.Add(time.Second), Type: "response", Operation: "update", Path: login, Role: "reader",
					DisplayName: "kubernetes-ns-app", Policies: []string{"default"}, StatusOK: true,
				},
			},
		},
		"a refused login is not OK": {
			log:  refusedLogin + "\n",
			want: []AuditEntry{{RequestID: "2", Time: at, Type: "response", Operation: "update", Path: login}},
		},
		"a secret may have a key called error": {
			log:  keyCalledError + "\n",
			want: []AuditEntry{{RequestID: "4", Time: at, Type: "response", Operation: "read", Path: "one/app", StatusOK: true}},
		},
		"an invalid token": {
			log: invalidToken + "\n",
			want: []AuditEntry{{
				RequestID: "3", Time: at, Type: "request", Operation: "read", Path: "secret/data/app",
				Error: "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
			}},
		},
		"a line that is being written waits": {
			log:  refusedLogin + "\n" + invalidToken[:40],
			want: []AuditEntry{{RequestID: "2", Time: at, Type: "response", Operation: "update", Path: login}},
		},
		"not JSON":     {log: refusedLogin + "\nnot JSON\n", wantErr: "audit log, line 2: "},
		"unknown type": {log: `{"type":"rumour"}` + "\n", wantErr: `type "rumour": want request or response`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseAudit(strings.NewReader(tc.log))
			if (err == nil) != (tc.wantErr == "") || (err != nil && !strings.Contains(err.Error(), tc.wantErr)) {
				t.Fatalf("error %v, want %q", err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(AuditEntry{})); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestsLeavesOutTheHarnessAndVaultItself(t *testing.T) {
	log := strings.Join([]string{loginRequest, loginResponse, ownRequest, internalRequest, invalidToken, ""}, "\n")
	entries := must(parseAudit(strings.NewReader(log)))(t)
	var got []string
	for _, entry := range Requests(entries) {
		got = append(got, entry.Path)
	}
	if diff := cmp.Diff([]string{"auth/kubernetes/login", "secret/data/app"}, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Counts{Login: 1, Read: 1}, CountRequests(entries)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestKind(t *testing.T) {
	tests := map[string]struct {
		entry AuditEntry
		want  Kind
	}{
		"login":             {AuditEntry{Operation: "update", Path: "auth/kubernetes/login"}, KindLogin},
		"login, deep mount": {AuditEntry{Operation: "update", Path: "auth/k8s/eu/login"}, KindLogin},
		"read":              {AuditEntry{Operation: "read", Path: "secret/data/app"}, KindRead},
		"list":              {AuditEntry{Operation: "list", Path: "secret/metadata/app"}, KindOther},
		"lookup":            {AuditEntry{Operation: "read", Path: "auth/token/lookup-self"}, KindToken},
		"renewal":           {AuditEntry{Operation: "update", Path: "auth/token/renew-self"}, KindToken},
		"revocation":        {AuditEntry{Operation: "update", Path: "auth/token/revoke-self"}, KindToken},
		"system":            {AuditEntry{Operation: "read", Path: "sys/mounts"}, KindOther},
		"auth config":       {AuditEntry{Operation: "read", Path: "auth/kubernetes/config"}, KindOther},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.entry.Kind(); got != tc.want {
				t.Errorf("kind %s, want %s", got, tc.want)
			}
		})
	}
}

// FuzzParseAudit: no log makes it panic, entries are of the two types, and a
// log that parses does so also with another line after it.
func FuzzParseAudit(f *testing.F) {
	for _, line := range []string{loginRequest, loginResponse, refusedLogin, invalidToken, keyCalledError, internalRequest} {
		f.Add(line + "\n")
	}
	f.Fuzz(func(t *testing.T, log string) {
		entries, err := parseAudit(strings.NewReader(log))
		if err != nil {
			return
		}
		for _, entry := range entries {
			if entry.Type != AuditRequest && entry.Type != AuditResponse {
				t.Errorf("type %q", entry.Type)
			}
		}
		if total := CountRequests(entries).Total(); total > len(entries) {
			t.Errorf("%d requests in %d entries", total, len(entries))
		}
		if !strings.HasSuffix(log, "\n") {
			return
		}
		more, err := parseAudit(strings.NewReader(log + ownRequest + "\n"))
		if err != nil || len(more) != len(entries)+1 {
			t.Errorf("%d entries and error %v with one line more, %d without", len(more), err, len(entries))
		}
	})
}
