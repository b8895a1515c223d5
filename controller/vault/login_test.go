package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/countersign/countersign/api"
)

// kept are values in Secrets of team-a.
type kept map[string]string

func (k kept) read(_ context.Context, key api.SecretKey) ([]byte, error) {
	value, ok := k[key.Name+"/"+key.Key]
	if !ok {
		return nil, &Error{Reason: ReasonIdentityRefused, Message: "no such key"}
	}
	return []byte(value), nil
}

func in(name, key string) api.SecretKey {
	return api.SecretKey{Namespace: "team-a", Name: name, Key: key}
}

func (f *fixture) as(t *testing.T, login api.Login, address api.Address) error {
	t.Helper()
	_, err := f.vault.Read(t.Context(), login, address, Visit{Object: "team-a/app", Guard: func(context.Context) error { return nil }})
	return err
}

// Each method presents what Vault asks of it, once for many reads.
func TestMethods(t *testing.T) {
	secrets := kept{"s/token": "of-the-tenant\n", "s/id": "secret-id", "s/role": "role-id", "s/jwt": "signed"}
	tests := map[string]struct {
		login api.Login
		want  []string
		token string
	}{
		"AppRole":              {api.Login{Method: api.MethodAppRole, Mount: "a", ID: "written", SecretRef: in("s", "id")}, []string{`POST /v1/auth/a/login {"role_id":"written","secret_id":"secret-id"}`}, "t"},
		"AppRole of a Secret":  {api.Login{Method: api.MethodAppRole, Mount: "a", IDRef: in("s", "role"), SecretRef: in("s", "id")}, []string{`POST /v1/auth/a/login {"role_id":"role-id","secret_id":"secret-id"}`}, "t"},
		"JWT":                  {api.Login{Method: api.MethodJWT, Mount: "j", Role: "r", SecretRef: in("s", "jwt")}, []string{`POST /v1/auth/j/login {"jwt":"signed","role":"r"}`}, "t"},
		"Kubernetes, a Secret": {api.Login{Method: "kubernetes", Mount: "k", Role: "r", SecretRef: in("s", "jwt")}, []string{`POST /v1/auth/k/login {"jwt":"signed","role":"r"}`}, "t"},
		"a token":              {api.Login{Method: api.MethodToken, SecretRef: in("s", "token")}, nil, "of-the-tenant"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			f.vault.secrets = secrets.read
			var logins, tokens []string
			f.answer = func(_ http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/login") {
					tokens = append(tokens, r.Header.Get("X-Vault-Token"))
					return false
				}
				body := map[string]string{}
				_ = json.NewDecoder(r.Body).Decode(&body)
				text, _ := json.Marshal(body)
				logins = append(logins, r.Method+" "+r.RequestURI+" "+string(text))
				return false
			}
			for _, path := range []string{"secret/data/a", "secret/data/b"} {
				if err := f.as(t, tc.login, api.Address{Path: path}); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tc.want, logins); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{tc.token, tc.token}, tokens); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A tenant's token is neither renewed nor revoked. One that Vault knows no more
// is looked for again in its Secret, and not sent again.
func TestTokenOfATenant(t *testing.T) {
	f := open(t, nil)
	secrets := kept{"s/token": "old"}
	f.vault.secrets = secrets.read
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Vault-Token") != "old" {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"errors":["permission denied","invalid token"]}`))
		return true
	}
	login, address := api.Login{Method: api.MethodToken, SecretRef: in("s", "token")}, api.Address{Path: "secret/data/x"}
	err := f.as(t, login, address)
	const want = `Vault does not know the token in key "token" of Secret team-a/s; renew it there`
	if reasonOf(err) != ReasonLoginRefused || err.Error() != want {
		t.Errorf("got %v (%s)", err, reasonOf(err))
	}
	secrets["s/token"] = "new"
	f.clock.SetTime(f.clock.Now().Add(loginFailureHolds))
	if err := f.as(t, login, address); err != nil {
		t.Error(err)
	}
	if err := f.vault.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"GET /v1/secret/data/x", "GET /v1/secret/data/x"}, f.seen()); diff != "" {
		t.Error(diff)
	}
}

// What to log in with that is not there is told by its place; nothing is sent.
func TestSecretsOfLogins(t *testing.T) {
	live := fake.NewClientBuilder().WithObjects(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "s"}, Data: map[string][]byte{"pem": []byte("canary")},
	}).Build()
	tests := map[string]struct {
		login api.Login
		want  string
	}{
		"no Secret":      {api.Login{Method: api.MethodToken, SecretRef: in("none", "k")}, "Secret team-a/none, which holds what to log in with, does not exist; create it"},
		"no key":         {api.Login{Method: api.MethodAppRole, Mount: "a", ID: "x", SecretRef: in("s", "k")}, `there is no key of the name in key "k" of Secret team-a/s; add it`},
		"no certificate": {api.Login{Method: api.MethodCert, Mount: "c", CertRef: in("s", "pem"), SecretRef: in("s", "pem")}, `key "pem" of Secret team-a/s and key "pem" of Secret team-a/s are no certificate and its key, in PEM`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := open(t, nil)
			f.vault.secrets = NewSecretReader(live)
			err := f.as(t, tc.login, api.Address{Path: "secret/data/x"})
			if reasonOf(err) != ReasonIdentityRefused || err.Error() != tc.want {
				t.Errorf("got %v (%s)", err, reasonOf(err))
			}
			if sent := f.seen(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

// The login and what is read may be of two Vault namespaces.
func TestNamespacesOfLogins(t *testing.T) {
	f := open(t, nil)
	var seen []string
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r.URL.Path+" in "+r.Header.Get("X-Vault-Namespace"))
		if !strings.HasSuffix(r.URL.Path, "/revoke-self") {
			return false
		}
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	login := api.Login{Mount: "kubernetes", Role: "r", Namespace: "org/team", AuthNamespace: "org"}
	if err := f.as(t, login, api.Address{Path: "secret/data/x"}); err != nil {
		t.Fatal(err)
	}
	if err := f.vault.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"/v1/auth/kubernetes/login in org", "/v1/secret/data/x in org/team", "/v1/auth/token/revoke-self in org"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

// A list is asked for as one, and nothing there is nothing there.
func TestList(t *testing.T) {
	f := open(t, nil)
	if err := f.as(t, f.login("r"), api.Address{Path: "secret/metadata/app", List: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"POST /v1/auth/kubernetes/login", "GET /v1/secret/metadata/app?list=true"}, f.seen()); diff != "" {
		t.Error(diff)
	}
	for status, nothing := range map[int]bool{http.StatusNotFound: true, http.StatusForbidden: false} {
		f.answer = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			return true
		}
		if err := f.as(t, f.login("r"), api.Address{Path: "secret/metadata/none", List: true}); err == nil || errors.Is(err, api.ErrNothing) != nothing {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// A certificate of a Secret is shown by the session that it is for, and by no
// other.
func TestCertificateOfATenant(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "crt"), filepath.Join(folder, "key")
	issue(t, "tenant", certFile, keyFile)
	values := kept{}
	for name, file := range map[string]string{"c/crt": certFile, "c/key": keyFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		values[name] = string(text)
	}
	f := open(t, nil)
	f.vault.secrets = values.read
	s := newSession(f.vault, api.Login{Method: api.MethodCert, Mount: "c", Role: "web", CertRef: in("c", "crt"), SecretRef: in("c", "key")})
	body, client, err := s.credentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"name": "web"}, body); diff != "" {
		t.Error(diff)
	}
	shown, ok := client.CloneConfig().HttpClient.Transport.(*transport)
	if !ok {
		t.Fatal("not through the transport that guards")
	}
	base, _ := shown.base.(*http.Transport)
	if base == nil || len(base.TLSClientConfig.Certificates) != 1 {
		t.Error("the certificate is not shown")
	}
	if ordinary, _ := f.vault.client.CloneConfig().HttpClient.Transport.(*transport); ordinary == nil || len(ordinary.base.(*http.Transport).TLSClientConfig.Certificates) != 0 { //nolint:forcetypeassert // As above.
		t.Error("others show it too")
	}
}
