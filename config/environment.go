package config

import (
	"errors"
	"strconv"
)

// lookup is os.LookupEnv.
type lookup func(name string) (string, bool)

// fromEnvironment fills what the file leaves out of the default Vault with the
// variables that Vault's own tools take. A token is not among them: it would
// outrank every session.
// https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables
func (s *Settings) fromEnvironment(lookUp lookup) error {
	if text, ok := lookUp("VAULT_SKIP_VERIFY"); ok {
		// TLS is never switched off from outside.
		if skip, err := strconv.ParseBool(text); err != nil || skip {
			return errors.New("VAULT_SKIP_VERIFY is set: Vault's certificate is always verified; name its CA (caFile, VAULT_CACERT) instead")
		}
	}
	vault := s.Vaults[DefaultVault]
	for name, field := range map[string]*string{
		"VAULT_ADDR": &vault.Address, "VAULT_NAMESPACE": &vault.Namespace,
		"VAULT_CACERT": &vault.CAFile, "VAULT_TLS_SERVER_NAME": &vault.TLSServerName,
		"VAULT_CLIENT_CERT": &vault.ClientCertFile, "VAULT_CLIENT_KEY": &vault.ClientKeyFile,
	} {
		if value, ok := lookUp(name); ok && *field == "" {
			*field = value
		}
	}
	if vault != (Vault{}) {
		if s.Vaults == nil {
			s.Vaults = map[string]Vault{}
		}
		s.Vaults[DefaultVault] = vault
	}
	return nil
}
