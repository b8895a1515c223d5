package vaultside

import (
	"fmt"
	"strings"
)

// Commands is a shell script for whoever is logged in to the Vault.
func (s *Side) Commands() (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "#!/bin/sh\n# %s\nset -eu\n", s.title())
	for i := range s.Roles {
		role := &s.Roles[i]
		fmt.Fprintf(&text, "\n# For %s\n", role.place())
		text.WriteString(role.command("policy write", role.Policy, role.ACL()))
		if !role.isKubernetes() {
			continue
		}
		body, err := role.body()
		if err != nil {
			return "", err
		}
		text.WriteString(role.command("write", "auth/"+role.AuthMount+"/role/"+role.Role, body))
	}
	return text.String(), nil
}

// command hands the body over as it is: a value on the command line that
// begins with "@" would name a file.
func (r *Role) command(does, what, body string) string {
	flag := ""
	if r.VaultNamespace != "" {
		flag = " " + quoteShell("-namespace="+r.VaultNamespace)
	}
	return fmt.Sprintf("vault %s%s %s - <<'END'\n%sEND\n", does, flag, quoteShell(what), body)
}

func (r *Role) body() (string, error) {
	body := map[string]any{}
	for _, a := range r.attributes() {
		body[a.name] = a.value
	}
	return indentJSON(body)
}
