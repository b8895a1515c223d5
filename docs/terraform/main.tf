# What a Vault has to know of one Kubernetes cluster, so that Countersign can log
# in and read. docs/vault-side.md says how to use it.

terraform {
  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 3.0"
    }
  }
}

resource "vault_auth_backend" "kubernetes" {
  type = "kubernetes"
  path = var.auth_path
}

# Vault has the cluster's apiserver review each token that it is shown.
resource "vault_kubernetes_auth_backend_config" "kubernetes" {
  backend              = vault_auth_backend.kubernetes.path
  kubernetes_host      = var.kubernetes_host
  kubernetes_ca_cert   = var.kubernetes_ca_cert
  token_reviewer_jwt   = var.token_reviewer_jwt
  disable_local_ca_jwt = true
}

# Reading is all that Countersign does: no list, no metadata.
resource "vault_policy" "reader" {
  name = var.policy

  policy = <<EOT
%{for path in var.paths~}
path "${path}" {
  capabilities = ["read"]
}
%{endfor~}
EOT
}

# Countersign's ServiceAccount may take the role, and no other; with a token that
# was made for this Vault, and no other.
resource "vault_kubernetes_auth_backend_role" "reader" {
  backend                          = vault_auth_backend.kubernetes.path
  role_name                        = var.role
  bound_service_account_names      = [var.service_account]
  bound_service_account_namespaces = [var.namespace]
  audience                         = var.audience
  token_policies                   = [vault_policy.reader.name]
  token_ttl                        = var.token_ttl
}
