package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// DefaultVault is the name of the Vault that claims go to when they name none.
const DefaultVault = "default"

// DefaultAuthMount is the auth mount of a Vault that is configured without one.
const DefaultAuthMount = "kubernetes"

// DefaultStoreClass is the class of the stores that are Countersign's.
const DefaultStoreClass = "countersign"

const settingsKind = "Settings"

// Settings are read once, at the start.
type Settings struct {
	metav1.TypeMeta `json:",inline"`
	// Vaults are the only ones that are ever dialled, by name. One of them is
	// "default".
	Vaults map[string]Vault `json:"vaults"`
	// Enforcement is the mode of the default deny.
	Enforcement policy.Enforcement `json:"enforcement"`
	// OtherBackends says whether ExternalSecrets of another backend than
	// Vault are admitted. They are never synced.
	OtherBackends OtherBackends `json:"otherBackends,omitempty"`
	// Dialects are the ExternalSecret APIs that are admitted, and synced where
	// that is Countersign's to do; left out, KES alone.
	Dialects []Dialect `json:"dialects,omitempty"`
	// MaxPaths bounds the distinct paths of one object.
	MaxPaths int `json:"maxPaths,omitempty"`
	// RecordRequester has the name of the user written beside the stamp.
	RecordRequester *bool `json:"recordRequester,omitempty"`
	// ESO is for the objects of External Secrets Operator alone.
	ESO ESOSettings `json:"eso,omitzero"`
}

// ESOSettings are those of the ESO dialect.
type ESOSettings struct {
	// StoreClass is spec.controller of the stores whose ExternalSecrets are
	// Countersign's to sync; all others are left to ESO. Empty leaves all.
	StoreClass *string `json:"storeClass,omitempty"`
	// RecordRequester is Settings.RecordRequester for them. ESO copies the
	// annotations of an ExternalSecret without a template into the Secret.
	RecordRequester bool `json:"recordRequester,omitempty"`
}

func (e ESOSettings) class() string {
	if e.StoreClass == nil {
		return DefaultStoreClass
	}
	return *e.StoreClass
}

// OtherBackends is what becomes of objects of another backend at admission.
type OtherBackends string

// What becomes of them.
const (
	AdmitOthers  OtherBackends = "Admit"
	RefuseOthers OtherBackends = "Refuse"
)

// Dialect is an ExternalSecret API.
type Dialect string

// Dialects by the controllers that made them: kubernetes-external-secrets and
// External Secrets Operator.
const (
	KES Dialect = "kes"
	ESO Dialect = "eso"
)

// Vault is one Vault and what it may be asked at most.
type Vault struct {
	// Address is its URL. Plain http must be written out.
	Address string `json:"address"`
	// Namespace is sent as X-Vault-Namespace (Enterprise, HCP).
	Namespace string `json:"namespace,omitempty"`
	// CAFile is a PEM bundle; left out, the system's roots apply.
	CAFile string `json:"caFile,omitempty"`
	// TLSServerName is the name in Vault's certificate, where it is not the host
	// of the address.
	TLSServerName string `json:"tlsServerName,omitempty"`
	// ClientCertFile and ClientKeyFile are what Countersign shows to a Vault, or
	// what stands before it, that wants a certificate of its clients. They are
	// read at each handshake.
	ClientCertFile string `json:"clientCertFile,omitempty"`
	ClientKeyFile  string `json:"clientKeyFile,omitempty"`
	// AuthMount is the default auth mount, without "auth/".
	AuthMount string `json:"authMount,omitempty"`
	// Role is the default role; empty is none.
	Role string `json:"role,omitempty"`
	// TokenFile holds the ServiceAccount token to log in with. It is read at
	// each login, since the kubelet rotates it.
	TokenFile string `json:"tokenFile,omitempty"`
	// Audience of the tokens that are minted for ServiceAccounts of tenants.
	Audience string `json:"audience,omitempty"`
	// RequestsPerSecond and Burst are the budget.
	RequestsPerSecond float64 `json:"requestsPerSecond,omitempty"`
	Burst             int     `json:"burst,omitempty"`
	// Timeout bounds one request.
	Timeout metav1.Duration `json:"timeout"`
}

// LoadSettings reads, defaults and checks a settings file. VAULT_* variables
// fill what it leaves out of the default Vault.
func LoadSettings(path string) (*Settings, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	settings, err := parseSettings(data, os.LookupEnv)
	if err != nil {
		return nil, fmt.Errorf("settings %s: %w", path, err)
	}
	return settings, nil
}

// ParseSettings decodes strictly: an unknown field is an error. It takes
// nothing from the environment.
func ParseSettings(data []byte) (*Settings, error) {
	return parseSettings(data, func(string) (string, bool) { return "", false })
}

func parseSettings(data []byte, lookUp lookup) (*Settings, error) {
	asJSON, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, err
	}
	settings := &Settings{}
	strictErrors, err := kjson.UnmarshalStrict(asJSON, settings)
	if err := errors.Join(append([]error{err}, strictErrors...)...); err != nil {
		return nil, err
	}
	if err := settings.fromEnvironment(lookUp); err != nil {
		return nil, err
	}
	settings.setDefaults()
	return settings, settings.validate().ToAggregate()
}

func (s *Settings) setDefaults() {
	s.Enforcement.Default = cmp.Or(s.Enforcement.Default, policy.Enforce)
	s.OtherBackends = cmp.Or(s.OtherBackends, AdmitOthers)
	s.MaxPaths = cmp.Or(s.MaxPaths, 100)
	if len(s.Dialects) == 0 {
		s.Dialects = []Dialect{KES}
	}
	if s.RecordRequester == nil {
		record := true
		s.RecordRequester = &record
	}
	for name, vault := range s.Vaults {
		s.Vaults[name] = vault.withDefaults()
	}
}

func (v Vault) withDefaults() Vault {
	v.AuthMount = cmp.Or(v.AuthMount, DefaultAuthMount)
	v.TokenFile = cmp.Or(v.TokenFile, "/var/run/secrets/countersign/vault/token")
	v.Audience = cmp.Or(v.Audience, "vault")
	v.RequestsPerSecond = cmp.Or(v.RequestsPerSecond, 100)
	v.Burst = cmp.Or(v.Burst, 200)
	v.Timeout.Duration = cmp.Or(v.Timeout.Duration, 10*time.Second)
	return v
}

// PolicySettings is the operator's part of each decision.
func (s *Settings) PolicySettings() policy.Settings {
	mounts, namespaces := map[string]string{}, map[string]string{}
	for name, vault := range s.Vaults {
		mounts[name], namespaces[name] = vault.AuthMount, vault.Namespace
	}
	return policy.Settings{
		Enforcement:       s.Enforcement,
		DefaultVault:      DefaultVault,
		DefaultAuthMounts: mounts,
		VaultNamespaces:   namespaces,
		MaxPaths:          s.MaxPaths,
	}
}

// SyncsESO reports whether objects of External Secrets Operator are Countersign's
// to sync, where their stores say so.
func (s *Settings) SyncsESO() bool { return slices.Contains(s.Dialects, ESO) && s.ESO.class() != "" }

// Defaults fill what an object leaves out.
func (s *Settings) Defaults() api.Defaults {
	vault := s.Vaults[DefaultVault]
	return api.Defaults{
		Vault: DefaultVault, VaultNamespace: vault.Namespace,
		AuthMount: vault.AuthMount, Role: vault.Role,
	}
}
