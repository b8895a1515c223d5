package vault

import (
	"context"
	"errors"
	"time"

	vaultapi "github.com/hashicorp/vault/api"

	"github.com/countersign/countersign/api"
)

const (
	// loginFailureHolds spares Vault the same failing login from everybody who
	// waits for it. It ends early when Vault was away and is back.
	loginFailureHolds = 5 * time.Second
	// maxExpiryMargin is how long before its end a token is used no more.
	maxExpiryMargin = 30 * time.Second
	// freshFor is how long a login is not doubted because a path was forbidden.
	// Later, Vault's policies may have changed since; but one tenant's forbidden
	// path must not have everybody log in again and again.
	freshFor = 5 * time.Minute
)

// session is one login, shared by everybody who needs it. It is left to expire
// when nobody does.
type session struct {
	vault *Vault
	key   api.Login
	// turn is held by the one who looks or logs in; the others wait for it, or
	// give up with their context.
	turn chan struct{}

	current        token
	failure        failure
	leasesDependOn bool
}

// failure is a login that is not tried again for a while.
type failure struct {
	err       error
	holdsTil  time.Time
	comebacks int
}

// token is what a login gives.
type token struct {
	value  string
	issued time.Time
	// expires is zero for never.
	expires time.Time
	// life is how long it was given at the login.
	life      time.Duration
	renewable bool
	// batch tokens cannot be revoked.
	batch bool
	// borrowed is a token that was not got by a login: somebody else's.
	borrowed bool
	// client presents the certificate that the token is bound to; nil is any.
	client *vaultapi.Client
}

func newSession(v *Vault, key api.Login) *session {
	return &session{vault: v, key: key, turn: make(chan struct{}, 1)}
}

// lock waits for the turn.
func (s *session) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, &Error{Reason: ReasonUnavailable, Path: s.loginPath(), Message: "gave up waiting for a login"}
	}
}

// token is one that lives: the current, the current renewed, or that of a new
// login, in this order. A tenant's own is looked for each time: another one in
// its Secret counts at once, and one that was taken away no more.
func (s *session) token(ctx context.Context, from sender) (token, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return token{}, err
	}
	defer unlock()
	now := s.vault.clock.Now()
	switch {
	case s.isFresh(s.current, now) && !s.current.borrowed:
		return s.current, nil
	case s.current.isAlive(now) && s.current.renewable && s.renew(ctx, from):
		return s.current, nil
	case s.failureHolds(now):
		return token{}, s.failure.err
	}
	return s.logIn(ctx, from)
}

func (t token) isAlive(now time.Time) bool {
	return t.value != "" && (t.expires.IsZero() || now.Before(t.expires))
}

// isOld reports a token whose policies may be those of another day.
func (t token) isOld(now time.Time) bool { return now.Sub(t.issued) >= freshFor }

// isFresh leaves a margin for requests under way. What is lent ends with the
// token: there the margin is what the next read will need.
func (s *session) isFresh(t token, now time.Time) bool {
	margin := min(t.life/10, maxExpiryMargin)
	if s.leasesDependOn {
		margin = t.life / 2
	}
	return t.isAlive(now.Add(margin))
}

// logIn replaces the token. A failure that is Vault's is remembered for a
// moment, one of the visit's own guard is not.
func (s *session) logIn(ctx context.Context, from sender) (token, error) {
	got, err := s.newToken(ctx, from)
	s.failure = failure{}
	if err != nil {
		if vaultErr, isVaults := errors.AsType[*Error](err); isVaults && !vaultErr.unsent {
			s.fail(err)
		}
		return token{}, err
	}
	s.current = got
	return s.current, nil
}

func (s *session) fail(err error) {
	s.failure = failure{err: err, holdsTil: s.vault.clock.Now().Add(loginFailureHolds), comebacks: s.vault.breaker.comebacks()}
}

func (s *session) failureHolds(now time.Time) bool {
	return s.failure.err != nil && now.Before(s.failure.holdsTil) && s.failure.comebacks == s.vault.breaker.comebacks()
}

// renew prolongs the token, so that what hangs on it lives on. It reports
// whether that was of use: at the end of its longest life it is not.
// https://developer.hashicorp.com/vault/api-docs/auth/token#renew-a-token-self
func (s *session) renew(ctx context.Context, from sender) bool {
	var answer loginAnswer
	err := s.vault.post(ctx, from.errand(operationRenew, "auth/token/renew-self"), s.envoy(s.current), nil, &answer)
	if err != nil {
		return false
	}
	renewed := answer.Auth.token(s.vault.clock.Now())
	renewed.value, renewed.issued, renewed.life, renewed.client = s.current.value, s.current.issued, s.current.life, s.current.client
	if !s.isFresh(renewed, s.vault.clock.Now()) {
		return false
	}
	s.current = renewed
	return true
}

// replace gets another token in the place of one that Vault refused, unless
// somebody has replaced it already.
func (s *session) replace(ctx context.Context, from sender, refused token) (token, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return token{}, err
	}
	if s.current.value == refused.value {
		s.current = token{}
	}
	unlock()
	got, err := s.token(ctx, from)
	if err == nil && got.borrowed && got.value == refused.value {
		s.distrust(ctx, refused)
		return token{}, unknownToken(s.key)
	}
	return got, err
}

// distrust gives a token up that has just taken the place of a refused one and
// is refused as well: to log in once more, for each object that waits, is of no
// use.
func (s *session) distrust(ctx context.Context, refused token) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return
	}
	defer unlock()
	if s.current.value == refused.value {
		s.current = token{}
		s.fail(&Error{Reason: ReasonForbidden, Path: s.loginPath(), Message: "Vault does not know the tokens that it gives out (403: invalid token)"})
	}
}

// keepForLeases has the token live on, also after a shutdown: its end would
// revoke what pods are using.
func (s *session) keepForLeases(ctx context.Context) {
	if unlock, err := s.lock(ctx); err == nil {
		s.leasesDependOn = true
		unlock()
	}
}

// lives looks without waiting for the turn.
func (s *session) lives() bool {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
		return s.current.isAlive(s.vault.clock.Now())
	default:
		return false
	}
}

// revoke ends the token where that can be, unless leases hang on it.
// https://developer.hashicorp.com/vault/api-docs/auth/token#revoke-a-token-self
func (s *session) revoke(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if s.leasesDependOn || s.current.batch || s.current.borrowed || !s.current.isAlive(s.vault.clock.Now()) {
		return nil
	}
	from := sender{guard: func(context.Context) error { return nil }, object: func() string { return "" }}
	err = s.vault.post(ctx, from.errand(operationRevoke, "auth/token/revoke-self"), s.envoy(s.current), nil, nil)
	s.current = token{}
	return err
}

func (s *session) loginPath() string { return "auth/" + s.key.Mount + "/login" }

// loginAnswer is the part of a login's or renewal's answer that matters.
type loginAnswer struct {
	Auth auth `json:"auth"`
}

type auth struct {
	ClientToken string `json:"client_token"`
	TokenType   string `json:"token_type"`
	// LeaseDuration is in seconds; 0 is for ever.
	LeaseDuration int  `json:"lease_duration"`
	Renewable     bool `json:"renewable"`
}

func (a auth) token(now time.Time) token {
	t := token{value: a.ClientToken, issued: now, renewable: a.Renewable, batch: a.TokenType == "batch"}
	if ttl := time.Duration(a.LeaseDuration) * time.Second; ttl > 0 {
		t.expires, t.life = now.Add(ttl), ttl
	}
	return t
}
