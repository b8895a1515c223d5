package vaultside

import (
	"fmt"
	"strings"
)

// Terraform is resources of HashiCorp's provider for Vault.
// https://registry.terraform.io/providers/hashicorp/vault/latest/docs
func (s *Side) Terraform() string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n", s.title())
	for i := range s.Roles {
		role := &s.Roles[i]
		fmt.Fprintf(&text, "\n# For %s\n", role.place())
		text.WriteString(role.policyResource())
		if role.isKubernetes() {
			text.WriteString("\n" + role.roleResource())
		}
	}
	return text.String()
}

func (r *Role) policyResource() string {
	return fmt.Sprintf("resource \"vault_policy\" %q {\n%s  name = %s\n\n  policy = <<-EOT\n%s  EOT\n}\n",
		r.resourceName(), r.namespaceArgument(), quoteHCL(r.Policy), indent(escapeTemplate(r.ACL())))
}

func (r *Role) roleResource() string {
	var text strings.Builder
	fmt.Fprintf(&text, "resource \"vault_kubernetes_auth_backend_role\" %q {\n%s", r.resourceName(), r.namespaceArgument())
	fmt.Fprintf(&text, "  %-32s = %s\n", "backend", quoteHCL(r.AuthMount))
	fmt.Fprintf(&text, "  %-32s = %s\n", "role_name", quoteHCL(r.Role))
	for _, a := range r.attributes() {
		value := a.hcl
		if a.name == "token_policies" {
			// The reference has Terraform write the policy first.
			value = fmt.Sprintf("[vault_policy.%s.name]", r.resourceName())
		}
		fmt.Fprintf(&text, "  %-32s = %s\n", a.name, value)
	}
	text.WriteString("}\n")
	return text.String()
}

func (r *Role) namespaceArgument() string {
	if r.VaultNamespace == "" {
		return ""
	}
	return fmt.Sprintf("  namespace = %s\n\n", quoteHCL(r.VaultNamespace))
}

func indent(text string) string {
	var indented strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			line = "    " + line
		}
		indented.WriteString(line)
	}
	return indented.String()
}
