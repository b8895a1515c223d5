package vaultside

import (
	"fmt"
	"strings"
)

// HCL is the ACL policies one after the other, each under a comment that says
// what its role has to be like: Vault has no HCL for roles.
func (s *Side) HCL() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n# Each part is an ACL policy of its own.\n", s.title())
	for i := range s.Roles {
		role := &s.Roles[i]
		fmt.Fprintf(&text, "\n# Policy %s, for %s\n", quoteHCL(role.Policy), role.place())
		for _, a := range role.attributes() {
			fmt.Fprintf(&text, "#   %-32s = %s\n", a.name, a.hcl)
		}
		text.WriteString("\n" + role.ACL())
	}
	return text.String()
}

func (s *Side) title() string {
	return fmt.Sprintf("Vault %s as policy revision %s needs it, by countersign policy vault.", quoteHCL(s.Vault), s.Revision)
}

// place tells where a role is to be written, in a comment.
func (r *Role) place() string {
	place := fmt.Sprintf("role %s of auth mount %s", quoteHCL(r.Role), quoteHCL(r.AuthMount))
	if r.VaultNamespace != "" {
		place += " in Vault namespace " + quoteHCL(r.VaultNamespace)
	}
	if !r.isKubernetes() {
		place += fmt.Sprintf(", whose method is %s: write that role yourself", quoteHCL(r.AuthMethod))
	}
	return place
}
