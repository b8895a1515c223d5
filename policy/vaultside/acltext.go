package vaultside

import (
	"fmt"
	"strings"
)

// ACL is the text of the role's ACL policy, as Vault takes it.
func (r *Role) ACL() string {
	var text strings.Builder
	for i, path := range r.Paths {
		if i > 0 {
			text.WriteString("\n")
		}
		capability := "read"
		if path.Deny {
			capability = "deny"
		}
		fmt.Fprintf(&text, "path %s {\n  capabilities = [%q]\n}\n", quoteHCL(path.Pattern), capability)
	}
	return text.String()
}
