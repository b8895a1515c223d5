package vaultside

import (
	"fmt"
	"slices"
	"strings"
)

// ACL is the text of the role's ACL policy, as Vault takes it.
func (r *Role) ACL() string {
	var text strings.Builder
	for i, path := range r.Paths {
		if i > 0 {
			text.WriteString("\n")
		}
		fmt.Fprintf(&text, "path %s {\n  capabilities = %s\n}\n", quoteHCL(path.Pattern), quoteHCLList(path.capabilities()))
	}
	return text.String()
}

// capabilities to write are those of a new value, another one and none.
// https://developer.hashicorp.com/vault/docs/concepts/policies#capabilities
func (p Path) capabilities() []string {
	var all []string
	if p.Read {
		all = append(all, "read")
	}
	if p.Write {
		all = append(all, "create", "update", "delete")
	}
	if len(all) == 0 {
		return []string{"deny"}
	}
	return slices.Clip(all)
}
