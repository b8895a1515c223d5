package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	vaultapi "github.com/hashicorp/vault/api"
	"golang.org/x/time/rate"
	"k8s.io/utils/clock"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

// Vault is the door to one configured Vault.
type Vault struct {
	settings config.Vault
	client   *vaultapi.Client
	limiter  *rate.Limiter
	clock    clock.PassiveClock
	metrics  *Metrics
	mint     Minter
	name     string

	mu       sync.Mutex
	sessions map[SessionKey]*session
}

// Visit is on whose behalf a request is made.
type Visit struct {
	// Object is namespace/name; it goes to Vault in a header.
	Object string
	// Guard is asked after the budget has granted a request, right before its
	// bytes leave. Its error stops the request and comes back as it is.
	Guard func(context.Context) error
}

// Open makes the door; it sends nothing.
func Open(name string, settings config.Vault, mint Minter, c clock.PassiveClock, metrics *Metrics) (*Vault, error) {
	transport, err := newTransport(settings.CAFile)
	if err != nil {
		return nil, fmt.Errorf("vault %q: %w", name, err)
	}
	client, err := newClient(settings, transport)
	if err != nil {
		return nil, fmt.Errorf("vault %q: %w", name, err)
	}
	return &Vault{
		name: name, settings: settings, client: client, mint: mint, clock: c, metrics: metrics,
		limiter:  rate.NewLimiter(rate.Limit(settings.RequestsPerSecond), settings.Burst),
		sessions: map[SessionKey]*session{},
	}, nil
}

// newClient takes nothing from the environment: a VAULT_TOKEN there would
// outrank every session.
func newClient(settings config.Vault, transport http.RoundTripper) (*vaultapi.Client, error) {
	client, err := vaultapi.NewClient(&vaultapi.Config{
		Address: settings.Address,
		HttpClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Timeout:          settings.Timeout.Duration,
		MaxRetries:       0,
		DisableRedirects: true,
	})
	if err != nil {
		return nil, err
	}
	client.ClearToken()
	client.SetHeaders(http.Header{vaultapi.RequestHeaderName: {"true"}})
	if settings.Namespace != "" {
		client.SetNamespace(settings.Namespace)
	}
	return client, nil
}

// Read gets the "data" of one path. A session that Vault no longer knows is
// replaced, once.
func (v *Vault) Read(ctx context.Context, key SessionKey, address api.Address, visit Visit) (map[string]any, error) {
	session := v.session(key)
	token, err := session.token(ctx, visit)
	if err != nil {
		return nil, err
	}
	data, err := v.read(ctx, token, address, visit)
	if !isInvalidToken(err) {
		return data, err
	}
	session.discard(token)
	if token, err = session.token(ctx, visit); err != nil {
		return nil, err
	}
	return v.read(ctx, token, address, visit)
}

// read sends one request. Numbers stay as Vault wrote them.
func (v *Vault) read(ctx context.Context, token string, address api.Address, visit Visit) (map[string]any, error) {
	client, err := v.client.CloneWithHeaders()
	if err != nil {
		return nil, err
	}
	client.SetToken(token)
	var query map[string][]string
	if address.Version > 0 {
		query = map[string][]string{"version": {strconv.Itoa(address.Version)}}
	}
	var answer struct {
		Data map[string]any `json:"data"`
	}
	err = v.exchange(ctx, operationRead, address.Path, visit, &answer, func(ctx context.Context) (*vaultapi.Response, error) {
		return client.Logical().ReadRawWithDataWithContext(ctx, address.Path, query)
	})
	if err == nil && answer.Data == nil {
		return nil, &Error{Reason: ReasonUnexpectedAnswer, Path: address.Path, Message: "Vault answered without data"}
	}
	return answer.Data, err
}

// exchange waits for the budget, sends, and decodes. Every way to Vault is
// through it.
func (v *Vault) exchange(
	ctx context.Context, op operation, path string, visit Visit, into any,
	send func(context.Context) (*vaultapi.Response, error),
) error {
	if err := v.limiter.Wait(ctx); err != nil {
		return &Error{Reason: ReasonUnavailable, Path: path, Message: "waiting for the request budget: " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, v.settings.Timeout.Duration)
	defer cancel()
	response, err := send(withErrand(ctx, path, visit))
	if response != nil {
		defer func() { _ = response.Body.Close() }()
	}
	if err == nil {
		err = decode(response, into)
	}
	err = classify(op, path, err)
	v.metrics.observe(v.name, op, err)
	return err
}

func decode(response *vaultapi.Response, into any) error {
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

// session is the one of a key, made on first use.
func (v *Vault) session(key SessionKey) *session {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sessions[key] == nil {
		v.sessions[key] = newSession(v, key)
	}
	return v.sessions[key]
}

// Vaults are all configured ones, by name.
type Vaults map[string]*Vault

// OpenAll opens the configured Vaults.
func OpenAll(settings map[string]config.Vault, mint Minter, c clock.PassiveClock, metrics *Metrics) (Vaults, error) {
	vaults := Vaults{}
	for name, one := range settings {
		opened, err := Open(name, one, mint, c, metrics)
		if err != nil {
			return nil, err
		}
		vaults[name] = opened
	}
	return vaults, nil
}

// Get is the Vault of a name; an unconfigured one is never dialled.
func (v Vaults) Get(name string) (*Vault, error) {
	one, ok := v[name]
	if !ok {
		return nil, &Error{Reason: ReasonNotConfigured, Message: fmt.Sprintf("no Vault %q is configured", cmp.Or(name, `""`))}
	}
	return one, nil
}
