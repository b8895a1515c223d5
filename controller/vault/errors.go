package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	vaultapi "github.com/hashicorp/vault/api"

	"github.com/countersign/countersign/api"
)

// Reason classes a failure. Conditions and metrics carry it.
type Reason string

// The reasons.
const (
	// ReasonUnavailable: not reachable, sealed, throttling or failing.
	ReasonUnavailable Reason = "VaultUnavailable"
	// ReasonLoginRefused: the role or the ServiceAccount is not accepted.
	ReasonLoginRefused Reason = "VaultLoginRefused"
	// ReasonIdentityRefused: the ServiceAccount that is to log in has no token, or
	// what is to be presented stands in no Secret.
	ReasonIdentityRefused Reason = "IdentityRefused"
	// ReasonForbidden: the role's Vault policy does not cover the path.
	ReasonForbidden Reason = "VaultForbidden"
	// ReasonNotFound: nothing is at the path, or that version is deleted.
	ReasonNotFound Reason = "VaultNotFound"
	// ReasonUnexpectedAnswer: the answer cannot be used.
	ReasonUnexpectedAnswer Reason = "VaultUnexpectedAnswer"
	// ReasonNotConfigured: the settings do not name that Vault.
	ReasonNotConfigured Reason = "VaultNotConfigured"
)

// Error is a failed request. It never holds a value or a token.
type Error struct {
	Reason  Reason
	Path    string
	Message string
	// invalidToken: Vault does not know the token any more.
	invalidToken bool
	// unsent: Vault was not even asked.
	unsent bool
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return fmt.Sprintf("%s: %s", e.Path, e.Message)
}

// Is has a read of nothing be api.ErrNothing.
func (e *Error) Is(target error) bool { return target == api.ErrNothing && e.Reason == ReasonNotFound }

func isInvalidToken(err error) bool {
	vaultErr, ok := errors.AsType[*Error](err)
	return ok && vaultErr.invalidToken
}

func isForbidden(err error) bool {
	vaultErr, ok := errors.AsType[*Error](err)
	return ok && vaultErr.Reason == ReasonForbidden
}

// health is what the end of a request says of Vault as a whole.
type health int

const (
	// healthUnknown: nothing was sent.
	healthUnknown health = iota
	// healthGood: it answered, if only with a refusal.
	healthGood
	// healthPoor: it failed, or did not answer in time; it may be the path.
	healthPoor
	// healthGone: it is sealed, throttles, or is not there.
	healthGone
)

// healthOf says nothing of Vault where a tenant's certificate may be what is
// wrong with the connection: that must not hold up everybody else.
func (e *errand) healthOf(err error) health {
	var response *vaultapi.ResponseError
	if e.ownConnection && err != nil && !errors.As(err, &response) {
		return healthUnknown
	}
	return healthOf(err)
}

func healthOf(err error) health {
	var guard *guardError
	var response *vaultapi.ResponseError
	switch {
	case err == nil:
		return healthGood
	case errors.As(err, &guard), errors.Is(err, errElsewhere), errors.Is(err, context.Canceled):
		return healthUnknown
	case errors.As(err, &response):
		return healthOfStatus(response.StatusCode)
	case errors.Is(err, errTooLarge), errors.Is(err, errBadAnswer), errors.Is(err, context.DeadlineExceeded):
		return healthPoor
	}
	return healthGone
}

func healthOfStatus(code int) health {
	switch {
	// A standby redirects to the active one.
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable, isRedirect(code):
		return healthGone
	case code >= http.StatusInternalServerError:
		return healthPoor
	}
	return healthGood
}

// guardError carries a guard's error through the HTTP client.
type guardError struct{ error }

func (g *guardError) Unwrap() error { return g.error }

// classify turns what a request failed with into an Error, and a guard's error
// back into itself.
func classify(e *errand, err error) error {
	path := e.path
	var guard *guardError
	var response *vaultapi.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &guard):
		return guard.error
	case errors.As(err, &response):
		return fromResponse(e, response)
	case e.ownConnection && isAlert(err):
		return &Error{Reason: ReasonLoginRefused, Path: path, Message: "Vault refuses the certificate: " + rootCause(err)}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: ReasonUnavailable, Path: path, Message: "Vault did not answer in time"}
	case errors.Is(err, errElsewhere), errors.Is(err, errTooLarge), errors.Is(err, errBadAnswer):
		return &Error{Reason: ReasonUnexpectedAnswer, Path: path, Message: withoutContent(err)}
	}
	return &Error{Reason: ReasonUnavailable, Path: path, Message: "Vault cannot be reached: " + rootCause(err)}
}

// isAlert: the other side has ended the handshake, and said why.
func isAlert(err error) bool {
	var alert *net.OpError
	return errors.As(err, &alert) && alert.Op == "remote error"
}

func fromResponse(e *errand, response *vaultapi.ResponseError) *Error {
	refused := &Error{Path: e.path, Message: vaultMessage(response)}
	refused.invalidToken = response.StatusCode == http.StatusForbidden && strings.Contains(refused.Message, "invalid token")
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
		refused.Reason = ReasonUnavailable
	case isRedirect(code):
		refused.Reason = ReasonUnavailable
		refused.Message += ": it redirects, which is not followed; have the settings name the address that answers"
	case e.op == operationLogin:
		refused.Reason = ReasonLoginRefused
	case code == http.StatusForbidden:
		refused.Reason = ReasonForbidden
	case code == http.StatusNotFound:
		refused.Reason = ReasonNotFound
		refused.Message = "nothing is there, or the version is deleted"
	default:
		refused.Reason = ReasonUnexpectedAnswer
	}
	return refused
}

// asAway: while nothing else works either, it is not this answer that objects
// wait for.
func asAway(err error) error {
	if vaultErr, ok := errors.AsType[*Error](err); ok {
		vaultErr.Reason = ReasonUnavailable
	}
	return err
}

// vaultMessage is Vault's own list of errors, on one line and bounded. A body
// that is no such list is not repeated: it may be anything.
func vaultMessage(response *vaultapi.ResponseError) string {
	const maxMessage = 300
	status := fmt.Sprintf("Vault answered %d", response.StatusCode)
	if response.RawError || len(response.Errors) == 0 {
		return status
	}
	message := strings.Join(strings.Fields(strings.Join(response.Errors, "; ")), " ")
	if len(message) > maxMessage {
		message = message[:maxMessage] + "..."
	}
	return status + ": " + message
}

// withoutContent keeps the position and kind of a JSON error; its text may
// quote the input.
func withoutContent(err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, errTooLarge):
		return errTooLarge.Error()
	case errors.Is(err, errElsewhere):
		return errElsewhere.Error()
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s: malformed JSON at byte %d", errBadAnswer, syntax.Offset)
	}
	return errBadAnswer.Error()
}

// rootCause is the innermost error: what the HTTP client wraps around it names
// the URL again.
func rootCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
