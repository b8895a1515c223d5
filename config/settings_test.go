package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/policy"
)

const head = "apiVersion: countersign.dev/v1alpha1\nkind: Settings\n"

func TestSettingsDefaults(t *testing.T) {
	got, err := ParseSettings([]byte(head + "vaults: {default: {address: 'https://vault:8200'}}"))
	if err != nil {
		t.Fatal(err)
	}
	record := true
	want := &Settings{
		TypeMeta: metav1.TypeMeta{APIVersion: "countersign.dev/v1alpha1", Kind: "Settings"},
		Vaults: map[string]Vault{"default": {
			Address: "https://vault:8200", AuthMount: "kubernetes",
			TokenFile:         "/var/run/secrets/countersign/vault/token",
			RequestsPerSecond: 100, Burst: 200, Audience: "vault", Timeout: metav1.Duration{Duration: 10 * time.Second},
		}},
		Enforcement:   policy.Enforcement{Default: policy.Enforce},
		OtherBackends: AdmitOthers, Dialects: []Dialect{KES}, MaxPaths: 100, RecordRequester: &record,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsErrors(t *testing.T) {
	good := "vaults: {default: {address: 'https://vault:8200'}}\n"
	tests := map[string]struct{ text, want string }{
		"unknown field":                 {head + good + "vault: {}", `unknown field "vault"`},
		"duplicate key":                 {head + good + good, `key "vaults" already set`},
		"other kind":                    {good, "want apiVersion: countersign.dev/v1alpha1 and kind: Settings"},
		"no default Vault":              {head + "vaults: {other: {address: 'https://vault:8200'}}", "vaults[default]: Required value"},
		"no address":                    {head + "vaults: {default: {}}", `vaults[default].address: Invalid value: "": write https://HOST:PORT`},
		"address without TLS or scheme": {head + "vaults: {default: {address: 'vault:8200'}}", "write https://HOST:PORT"},
		"address with a path":           {head + "vaults: {default: {address: 'https://vault:8200/v1'}}", "write scheme, host and port only"},
		"credentials in it":             {head + "vaults: {default: {address: 'https://u:hunter2@vault:8200'}}", "write scheme, host and port only"},
		"auth mount":                    {head + "vaults: {default: {address: 'https://vault:8200', authMount: ../x}}", "vaults[default].authMount"},
		"negative budget":               {head + "vaults: {default: {address: 'https://vault:8200', requestsPerSecond: -1}}", "must be positive"},
		"negative timeout":              {head + "vaults: {default: {address: 'https://vault:8200', timeout: -1s}}", "vaults[default].timeout"},
		"mode":                          {head + good + "enforcement: {default: Maybe}", `enforcement.default: Unsupported value: "Maybe"`},
		"mode of a namespace":           {head + good + "enforcement: {namespaces: {x: Maybe}}", "enforcement.namespaces[x]"},
		"other backends":                {head + good + "otherBackends: Ignore", "otherBackends: Unsupported value"},
		"dialect":                       {head + good + "dialects: [kes, vso]", `dialects[1]: Unsupported value: "vso": supported values: "kes", "eso"`},
		"dialect twice":                 {head + good + "dialects: [kes, eso, kes]", `dialects[2]: Duplicate value: "kes"`},
		"negative number of paths":      {head + good + "maxPaths: -1", "maxPaths"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseSettings([]byte(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want ...%s", err, tc.want)
			}
		})
	}
}

// FuzzParseSettings: no file makes it panic, and what passes has a default
// Vault.
func FuzzParseSettings(f *testing.F) {
	f.Add(head + "vaults: {default: {address: 'https://vault:8200'}}")
	f.Add("a: [")
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := ParseSettings([]byte(text))
		if err == nil && settings.Vaults[DefaultVault].Address == "" {
			t.Error("settings without a default Vault pass")
		}
	})
}
