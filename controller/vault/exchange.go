package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	vaultapi "github.com/hashicorp/vault/api"
)

// exchange waits for the budget, sends unless Vault is away, and decodes. Every
// way to Vault is through it.
func (v *Vault) exchange(ctx context.Context, e *errand, into any, send func(context.Context) (*vaultapi.Response, error)) error {
	if !v.breaker.mayTry() {
		return v.away(e)
	}
	if err := v.waitForBudget(ctx, e); err != nil {
		return err
	}
	if !v.breaker.allow() {
		return v.away(e)
	}
	ctx, cancel := context.WithTimeout(ctx, v.settings.Timeout.Duration)
	defer cancel()
	response, err := send(withErrand(ctx, e))
	if response != nil {
		defer func() { _ = response.Body.Close() }()
	}
	if err == nil {
		err = decode(response, into)
	}
	health := e.healthOf(err)
	v.judge(e, health)
	if err = classify(e, err); health >= healthPoor && v.breaker.isOpen() {
		err = asAway(err)
	}
	v.metrics.observe(v.name, e.op, err)
	return err
}

func (v *Vault) waitForBudget(ctx context.Context, e *errand) error {
	defer v.metrics.waiting(v.name)()
	if err := v.budget.wait(ctx); err != nil {
		return &Error{Reason: ReasonUnavailable, Path: e.path, Message: "waiting for the request budget: " + err.Error(), unsent: true}
	}
	return nil
}

func (v *Vault) away(e *errand) error {
	return &Error{Reason: ReasonUnavailable, Path: e.path, Message: "Vault is away; waiting until it answers again", unsent: true}
}

// judge tells the breaker how a request ended.
func (v *Vault) judge(e *errand, of health) {
	switch of {
	case healthUnknown:
		v.breaker.abandoned()
	case healthGood:
		v.breaker.succeeded()
	case healthPoor:
		v.breaker.failed(e.about, false, e.retryAfter)
	case healthGone:
		v.breaker.failed(e.about, true, e.retryAfter)
	}
}

func decode(response *vaultapi.Response, into any) error {
	if into == nil && response.StatusCode == http.StatusNoContent {
		return nil
	}
	if response.StatusCode != http.StatusOK {
		return &vaultapi.ResponseError{StatusCode: response.StatusCode}
	}
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return errors.Join(errBadAnswer, err)
	}
	return nil
}
