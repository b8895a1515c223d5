variable "kubernetes_host" {
  type        = string
  description = "URL of the cluster's apiserver, as Vault reaches it."
}

variable "kubernetes_ca_cert" {
  type        = string
  description = "PEM bundle that the apiserver's certificate is checked with."
}

variable "token_reviewer_jwt" {
  type        = string
  sensitive   = true
  default     = null
  description = "Token of a ServiceAccount that is bound to system:auth-delegator. Left out, Vault reviews each token with that token itself: the chart's vault.authDelegator."
}

variable "paths" {
  type        = list(string)
  description = "What the role may read, as Vault's ACL policies spell it: kubernetes/data/*."
}

variable "auth_path" {
  type        = string
  default     = "kubernetes"
  description = "Where the auth method is mounted: the chart's vault.authMount."
}

variable "role" {
  type        = string
  default     = "kubernetes-external-secrets"
  description = "The role that ExternalSecrets name, or the chart's vault.role."
}

variable "policy" {
  type        = string
  default     = "reader"
  description = "Name of the ACL policy."
}

variable "service_account" {
  type        = string
  default     = "countersign"
  description = "Countersign's ServiceAccount."
}

variable "namespace" {
  type        = string
  default     = "countersign-system"
  description = "The namespace that Countersign is installed in."
}

variable "audience" {
  type        = string
  default     = "vault"
  description = "The chart's vault.audience."
}

variable "token_ttl" {
  type        = number
  default     = 3600
  description = "Seconds that a login lasts."
}
