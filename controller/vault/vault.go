package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	vaultapi "github.com/hashicorp/vault/api"
	"k8s.io/utils/clock"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
)

// Vault is the door to one configured Vault.
type Vault struct {
	settings config.Vault
	client   *vaultapi.Client
	budget   *budget
	breaker  *breaker
	airport  *airport
	clock    clock.PassiveClock
	metrics  *Metrics
	mint     Minter
	secrets  SecretReader
	name     string

	mu       sync.Mutex
	sessions map[api.Login]*session
}

// Surroundings are what all doors share.
type Surroundings struct {
	// Mint makes tokens of tenants' ServiceAccounts.
	Mint Minter
	// Secret reads what tenants log in with.
	Secret  SecretReader
	Clock   clock.PassiveClock
	Metrics *Metrics
	// Back is called when a Vault that was away answers again.
	Back func()
}

// Open makes the door; it sends nothing.
func Open(name string, settings config.Vault, around Surroundings) (*Vault, error) {
	transport, err := newTransport(settings, nil)
	if err != nil {
		return nil, fmt.Errorf("vault %q: %w", name, err)
	}
	client, err := newClient(settings, transport)
	if err != nil {
		return nil, fmt.Errorf("vault %q: %w", name, err)
	}
	v := &Vault{
		name: name, settings: settings, client: client,
		clock: around.Clock, metrics: around.Metrics, mint: around.Mint, secrets: around.Secret,
		budget:   newBudget(settings.RequestsPerSecond, settings.Burst),
		breaker:  newBreaker(around.Clock, around.Back),
		airport:  &airport{boarding: map[wanted]*flight{}},
		sessions: map[api.Login]*session{},
	}
	around.Metrics.watch(name, v)
	return v, nil
}

// newClient takes nothing from the environment: a VAULT_TOKEN there would
// outrank every session.
func newClient(settings config.Vault, transport http.RoundTripper) (*vaultapi.Client, error) {
	client, err := vaultapi.NewClient(&vaultapi.Config{
		Address:          settings.Address,
		HttpClient:       &http.Client{Transport: transport},
		Timeout:          settings.Timeout.Duration,
		MaxRetries:       0,
		DisableRedirects: true,
	})
	if err != nil {
		return nil, err
	}
	client.ClearToken()
	client.SetHeaders(http.Header{vaultapi.RequestHeaderName: {"true"}})
	return client, nil
}

// Read gets what is at an address. Reads of one address through one session
// that are wanted together are one request.
func (v *Vault) Read(ctx context.Context, key api.Login, address api.Address, visit Visit) (*Answer, error) {
	what := wanted{session: key, address: address}
	for {
		mine, aboard, opened := v.airport.board(ctx, what, visit)
		if opened {
			aboard.land(v.fly(ctx, aboard))
		}
		select {
		case <-aboard.done:
		case <-ctx.Done():
			return nil, &Error{Reason: ReasonUnavailable, Path: address.Path, Message: "gave up waiting for the read"}
		}
		if !mine.again {
			return mine.answer, mine.err
		}
	}
}

// fly logs in where needed, and reads. A session that Vault no longer knows is
// replaced, once; so is an old one whose path is forbidden.
func (v *Vault) fly(ctx context.Context, f *flight) (*Answer, error) {
	session := v.session(f.what.session)
	toLogIn := sender{guard: f.mayLogIn, object: f.objects}
	using, err := session.token(ctx, toLogIn)
	if err != nil {
		return nil, err
	}
	answer, err := v.read(ctx, using, f)
	if isInvalidToken(err) || isForbidden(err) && using.isOld(v.clock.Now()) && !using.borrowed {
		if using, err = session.replace(ctx, toLogIn, using); err != nil {
			return nil, err
		}
		answer, err = v.read(ctx, using, f)
		if isInvalidToken(err) {
			session.distrust(ctx, using)
		}
	}
	if err == nil && answer.isLeased() {
		session.keepForLeases(ctx)
	}
	return answer, err
}

// read sends one request. Numbers stay as Vault wrote them.
func (v *Vault) read(ctx context.Context, using token, f *flight) (*Answer, error) {
	from := envoy{client: v.clientOf(using), token: using.value, namespace: f.what.session.Namespace}
	client, err := from.clone()
	if err != nil {
		return nil, err
	}
	op, query := queryOf(f.what.address)
	path := f.what.address.Path
	var answer readAnswer
	e := sender{guard: f.mayRead, object: f.objects}.errand(op, path)
	e.ownConnection = from.client != v.client
	err = v.exchange(ctx, e, &answer, func(ctx context.Context) (*vaultapi.Response, error) {
		return client.Logical().ReadRawWithDataWithContext(ctx, path, query)
	})
	if err == nil && answer.Data == nil {
		return nil, &Error{Reason: ReasonUnexpectedAnswer, Path: path, Message: "Vault answered without data"}
	}
	return answer.answer(v.clock.Now(), using), err
}

// queryOf is how a version, or a list, is asked for.
// https://developer.hashicorp.com/vault/api-docs#api-operations
func queryOf(address api.Address) (operation, map[string][]string) {
	switch {
	case address.List:
		return operationList, map[string][]string{"list": {"true"}}
	case address.Version > 0:
		return operationRead, map[string][]string{"version": {strconv.Itoa(address.Version)}}
	}
	return operationRead, nil
}

// SetBudget changes the highest request rate, at once and for those who wait.
func (v *Vault) SetBudget(perSecond float64, burst int) {
	v.budget.set(perSecond, burst)
}

// session is the one of a key, made on first use.
func (v *Vault) session(key api.Login) *session {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sessions[key] == nil {
		v.sessions[key] = newSession(v, key)
	}
	return v.sessions[key]
}

// liveSessions waits for none that is logging in: it counts that one out.
func (v *Vault) liveSessions() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	live := 0
	for _, session := range v.sessions {
		if session.lives() {
			live++
		}
	}
	return live
}

// Close revokes the sessions that nothing hangs on.
func (v *Vault) Close(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for _, session := range v.sessions {
		errs = append(errs, session.revoke(ctx))
	}
	return errors.Join(errs...)
}

// Vaults are all configured ones, by name.
type Vaults map[string]*Vault

// OpenAll opens the configured Vaults.
func OpenAll(settings map[string]config.Vault, around Surroundings) (Vaults, error) {
	vaults := Vaults{}
	for name, one := range settings {
		opened, err := Open(name, one, around)
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

// Close closes all of them.
func (v Vaults) Close(ctx context.Context) error {
	var errs []error
	for _, one := range v {
		errs = append(errs, one.Close(ctx))
	}
	return errors.Join(errs...)
}
