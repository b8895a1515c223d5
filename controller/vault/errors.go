package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	vaultapi "github.com/hashicorp/vault/api"
)

// Reason classes a failure. Conditions and metrics carry it.
type Reason string

// The reasons.
const (
	// ReasonUnavailable: not reachable, sealed, throttling or failing.
	ReasonUnavailable Reason = "VaultUnavailable"
	// ReasonLoginRefused: the role or the ServiceAccount is not accepted.
	ReasonLoginRefused Reason = "VaultLoginRefused"
	// ReasonIdentityRefused: the ServiceAccount that is to log in has no token.
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
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return fmt.Sprintf("%s: %s", e.Path, e.Message)
}

func isInvalidToken(err error) bool {
	var vaultErr *Error
	return errors.As(err, &vaultErr) && vaultErr.invalidToken
}

// guardError carries a guard's error through the HTTP client.
type guardError struct{ error }

func (g *guardError) Unwrap() error { return g.error }

// classify turns what a request failed with into an Error, and a guard's error
// back into itself.
func classify(op operation, path string, err error) error {
	var guard *guardError
	var response *vaultapi.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &guard):
		return guard.error
	case errors.As(err, &response):
		return fromResponse(op, path, response)
	case errors.Is(err, errOtherPath), errors.Is(err, errTooLarge), errors.Is(err, errBadAnswer):
		return &Error{Reason: ReasonUnexpectedAnswer, Path: path, Message: withoutContent(err)}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Reason: ReasonUnavailable, Path: path, Message: "Vault did not answer in time"}
	}
	return &Error{Reason: ReasonUnavailable, Path: path, Message: "Vault cannot be reached: " + rootCause(err)}
}

func fromResponse(op operation, path string, response *vaultapi.ResponseError) *Error {
	e := &Error{Path: path, Message: vaultMessage(response)}
	e.invalidToken = response.StatusCode == http.StatusForbidden && strings.Contains(e.Message, "invalid token")
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests, code >= http.StatusInternalServerError:
		e.Reason = ReasonUnavailable
	case op == operationLogin:
		e.Reason = ReasonLoginRefused
	case code == http.StatusForbidden:
		e.Reason = ReasonForbidden
	case code == http.StatusNotFound:
		e.Reason = ReasonNotFound
		e.Message = "nothing is there, or the version is deleted"
	default:
		e.Reason = ReasonUnexpectedAnswer
	}
	return e
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
	case errors.Is(err, errOtherPath):
		return errOtherPath.Error()
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
