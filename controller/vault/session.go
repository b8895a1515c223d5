package vault

import (
	"context"
	"errors"
	"net/http"
	"time"

	vaultapi "github.com/hashicorp/vault/api"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// loginFailureHolds spares Vault the same refused login from everybody who
	// waits for it.
	loginFailureHolds = 5 * time.Second
	// maxExpiryMargin is how long before its end a token is used no more.
	maxExpiryMargin = 30 * time.Second
)

// SessionKey is what one login is for, within one Vault and its namespace.
type SessionKey struct {
	// AuthMount is the mount of the Kubernetes auth method, without "auth/".
	AuthMount string
	// Role is the role to log in with.
	Role string
	// Identity is the ServiceAccount that logs in; empty is Countersign's own.
	Identity types.NamespacedName
}

// session is one login, shared by everybody who needs it. It is left to expire
// when nobody does.
type session struct {
	vault *Vault
	key   SessionKey
	// turn is held by the one who looks or logs in; the others wait for it, or
	// give up with their context.
	turn chan struct{}

	current   string
	expires   time.Time
	failure   error
	failedTil time.Time
}

func newSession(v *Vault, key SessionKey) *session {
	return &session{vault: v, key: key, turn: make(chan struct{}, 1)}
}

// token is the session's token, after a login if there is none that lives.
func (s *session) token(ctx context.Context, visit Visit) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", &Error{Reason: ReasonUnavailable, Path: s.loginPath(), Message: "gave up waiting for a login"}
	}
	now := s.vault.clock.Now()
	if s.current != "" && (s.expires.IsZero() || now.Before(s.expires)) {
		return s.current, nil
	}
	if s.failure != nil && now.Before(s.failedTil) {
		return "", s.failure
	}
	return s.renew(ctx, visit)
}

// renew logs in. A failure that is Vault's is remembered for a moment, one of
// the visit's own guard is not.
func (s *session) renew(ctx context.Context, visit Visit) (string, error) {
	auth, err := s.logIn(ctx, visit)
	s.current, s.failure = "", nil
	if err != nil {
		if _, isVaults := errors.AsType[*Error](err); isVaults {
			s.failure, s.failedTil = err, s.vault.clock.Now().Add(loginFailureHolds)
		}
		return "", err
	}
	s.current = auth.ClientToken
	s.expires = expiry(s.vault.clock.Now(), time.Duration(auth.LeaseDuration)*time.Second)
	return s.current, nil
}

// expiry leaves a margin for requests under way; the zero time is never.
func expiry(now time.Time, ttl time.Duration) time.Time {
	if ttl <= 0 {
		return time.Time{}
	}
	return now.Add(ttl - min(ttl/10, maxExpiryMargin))
}

// discard forgets a token that Vault does not know any more, unless somebody
// has replaced it already.
func (s *session) discard(token string) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.current == token {
		s.current = ""
	}
}

func (s *session) loginPath() string { return "auth/" + s.key.AuthMount + "/login" }

// login is the part of a login's answer that matters.
type login struct {
	ClientToken string `json:"client_token"`
	// LeaseDuration is in seconds; 0 is for ever.
	LeaseDuration int `json:"lease_duration"`
}

// logIn presents a ServiceAccount token.
// https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login
func (s *session) logIn(ctx context.Context, visit Visit) (*login, error) {
	jwt, err := s.jwt(ctx)
	if err != nil {
		return nil, err
	}
	request := s.vault.client.NewRequest(http.MethodPost, "/v1/"+s.loginPath())
	body := map[string]string{"role": s.key.Role, "jwt": jwt}
	if err := request.SetJSONBody(body); err != nil {
		return nil, err
	}
	var answer struct {
		Auth login `json:"auth"`
	}
	err = s.vault.exchange(ctx, operationLogin, s.loginPath(), visit, &answer, func(ctx context.Context) (*vaultapi.Response, error) {
		return s.vault.client.RawRequestWithContext(ctx, request) //nolint:staticcheck // The successor parses the answer without a bound.
	})
	if err == nil && answer.Auth.ClientToken == "" {
		err = &Error{Reason: ReasonUnexpectedAnswer, Path: s.loginPath(), Message: "Vault answered a login without a token"}
	}
	return &answer.Auth, err
}
