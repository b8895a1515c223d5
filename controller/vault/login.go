package vault

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	vaultapi "github.com/hashicorp/vault/api"

	"github.com/countersign/countersign/api"
)

// envoy is who sends a request: with which client, in whose name, and in which
// Vault namespace.
type envoy struct {
	client           *vaultapi.Client
	token, namespace string
}

// envoy is for what concerns the token itself.
func (s *session) envoy(with token) envoy {
	return envoy{client: s.vault.clientOf(with), token: with.value, namespace: s.key.AuthNamespace}
}

// clientOf is the one that presents what the token is bound to.
func (v *Vault) clientOf(with token) *vaultapi.Client {
	if with.client != nil {
		return with.client
	}
	return v.client
}

// clone is a client for one request.
func (e envoy) clone() (*vaultapi.Client, error) {
	client, err := e.client.CloneWithHeaders()
	if err != nil {
		return nil, err
	}
	client.SetToken(e.token)
	if e.namespace != "" {
		client.SetNamespace(e.namespace)
	}
	return client, nil
}

// newToken logs in, or takes the token that a tenant has.
func (s *session) newToken(ctx context.Context, from sender) (token, error) {
	if s.key.Method == api.MethodToken {
		return s.borrow(ctx)
	}
	body, client, err := s.credentials(ctx)
	if err != nil {
		return token{}, err
	}
	auth, err := s.requestLogin(ctx, from, body, client)
	if err != nil {
		return token{}, err
	}
	got := auth.token(s.vault.clock.Now())
	got.client = client
	return got, nil
}

// borrow reads the token of a tenant. What no header can carry must not fail as
// if Vault were away.
func (s *session) borrow(ctx context.Context) (token, error) {
	value, err := s.secret(ctx, s.key.SecretRef)
	if err != nil {
		return token{}, err
	}
	isOther := func(r rune) bool { return r <= ' ' || r > '~' }
	if value == "" || strings.ContainsFunc(value, isOther) {
		return token{}, &Error{Reason: ReasonIdentityRefused, Message: describe(s.key.SecretRef) + " is no token of Vault; correct it"}
	}
	return token{value: value, issued: s.vault.clock.Now(), borrowed: true}, nil
}

// requestLogin presents credentials.
// https://developer.hashicorp.com/vault/docs/auth
func (s *session) requestLogin(ctx context.Context, from sender, body map[string]string, client *vaultapi.Client) (*auth, error) {
	var answer loginAnswer
	e := from.errand(operationLogin, s.loginPath())
	e.about = fmt.Sprintf("login %s %s %s %v", e.path, s.key.Role, s.key.Identity, s.key.SecretRef)
	err := s.vault.post(ctx, e, s.envoy(token{client: client}), body, &answer)
	if err == nil && answer.Auth.ClientToken == "" {
		err = &Error{Reason: ReasonUnexpectedAnswer, Path: s.loginPath(), Message: "Vault answered a login without a token"}
	}
	return &answer.Auth, err
}

// post sends one request that is not a read.
func (v *Vault) post(ctx context.Context, e *errand, from envoy, body, into any) error {
	client, err := from.clone()
	if err != nil {
		return err
	}
	e.ownConnection = from.client != v.client
	request := client.NewRequest(http.MethodPost, "/v1/"+e.path)
	if body != nil {
		if err := request.SetJSONBody(body); err != nil {
			return err
		}
	}
	return v.exchange(ctx, e, into, func(ctx context.Context) (*vaultapi.Response, error) {
		return client.RawRequestWithContext(ctx, request) //nolint:staticcheck // The successor parses the answer without a bound.
	})
}

// unknownToken is of one that a tenant has and Vault does not know.
func unknownToken(key api.Login) *Error {
	return &Error{Reason: ReasonLoginRefused, Message: fmt.Sprintf("Vault does not know the token in %s; renew it there", describe(key.SecretRef))}
}
