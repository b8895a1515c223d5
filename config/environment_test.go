package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func environment(variables map[string]string) lookup {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// VAULT_* variables fill what the file leaves out of the default Vault, and
// nothing else.
func TestEnvironment(t *testing.T) {
	all := map[string]string{
		"VAULT_ADDR": "https://env:8200", "VAULT_NAMESPACE": "env", "VAULT_CACERT": "/env/ca", "VAULT_TLS_SERVER_NAME": "env.example",
		"VAULT_CLIENT_CERT": "/env/crt", "VAULT_CLIENT_KEY": "/env/key", "VAULT_TOKEN": "canary", "VAULT_SKIP_VERIFY": "false",
	}
	tests := map[string]struct {
		text string
		want map[string]Vault
	}{
		"nothing in the file": {head, map[string]Vault{"default": {
			Address: "https://env:8200", Namespace: "env", CAFile: "/env/ca", TLSServerName: "env.example", ClientCertFile: "/env/crt", ClientKeyFile: "/env/key"}}},
		"the file wins": {head + "vaults: {default: {address: 'https://file:8200', namespace: file, caFile: /file/ca}}", map[string]Vault{"default": {
			Address: "https://file:8200", Namespace: "file", CAFile: "/file/ca", TLSServerName: "env.example", ClientCertFile: "/env/crt", ClientKeyFile: "/env/key"}}},
		"another Vault is left alone": {head + "vaults: {eu: {address: 'https://eu:8200'}}", map[string]Vault{
			"default": {Address: "https://env:8200", Namespace: "env", CAFile: "/env/ca", TLSServerName: "env.example", ClientCertFile: "/env/crt", ClientKeyFile: "/env/key"},
			"eu":      {Address: "https://eu:8200"}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			settings, err := parseSettings([]byte(tc.text), environment(all))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]Vault{}
			for name, vault := range tc.want {
				want[name] = vault.withDefaults()
			}
			if diff := cmp.Diff(want, settings.Vaults); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TLS is never silently off, and a client certificate never half there.
func TestEnvironmentErrors(t *testing.T) {
	good := head + "vaults: {default: {address: 'https://vault:8200'}}"
	tests := map[string]struct {
		variables map[string]string
		want      string
	}{
		"no verification":      {map[string]string{"VAULT_SKIP_VERIFY": "true"}, "VAULT_SKIP_VERIFY is set: Vault's certificate is always verified"},
		"no verification, odd": {map[string]string{"VAULT_SKIP_VERIFY": "please"}, "VAULT_SKIP_VERIFY is set"},
		"a key missing":        {map[string]string{"VAULT_CLIENT_CERT": "/crt"}, "vaults[default].clientCertFile: Invalid value: \"/crt\": a client certificate needs both"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := parseSettings([]byte(good), environment(tc.variables)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
