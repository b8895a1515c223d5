{{/* The obvious mistakes, for NOTES.txt: a YAML list of texts. */}}
{{- define "countersign.warnings" -}}
{{- $warnings := list -}}
{{- $audiences := list -}}
{{- range $name, $vault := include "countersign.vaults" . | fromYaml -}}
{{- $audiences = append $audiences ($vault.audience | default "vault") -}}
{{- if hasPrefix "http://" $vault.address -}}
{{- $warnings = append $warnings (printf "%s is plain http: tokens and secrets cross the network unencrypted." $vault.address) -}}
{{- end -}}
{{- if regexMatch "//(localhost|127[.]|[[]::1])" $vault.address -}}
{{- $warnings = append $warnings (printf "%s: that is the pod itself." $vault.address) -}}
{{- end -}}
{{- end -}}
{{- if ne (len $audiences) (len (uniq $audiences)) -}}
{{- $warnings = append $warnings "two Vaults have the same audience: each can use Countersign's token at the other." -}}
{{- end -}}
{{- if .Values.vault.authDelegator -}}
{{- $warnings = append $warnings "vault.authDelegator is on: whoever holds Countersign's token, Vault included, can have any token and any access reviewed by the apiserver. A token reviewer of Vault's own avoids that." -}}
{{- if eq .Values.vault.audience "vault" -}}
{{- $warnings = append $warnings "vault.authDelegator has Vault review Countersign's token with that token: set vault.audience to an audience of the apiserver (its --api-audiences, or the issuer), or the login is refused." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.policy.allow (not .Values.policy.mounts) -}}
{{- $warnings = append $warnings "policy.allow has rules and policy.mounts is empty: unless another policy ConfigMap names their mounts, the policy is invalid." -}}
{{- end -}}
{{- if ne .Values.enforcement.default "Enforce" -}}
{{- $warnings = append $warnings (printf "enforcement.default is %s: what no rule allows is admitted, and read from Vault." .Values.enforcement.default) -}}
{{- end -}}
{{- if eq .Release.Namespace "default" -}}
{{- $warnings = append $warnings "the release is in namespace default: whoever may write ConfigMaps there administers the policy." -}}
{{- end -}}
{{- if lt (int .Values.replicaCount) 2 -}}
{{- $warnings = append $warnings "with one replica, ExternalSecrets cannot be changed while it restarts." -}}
{{- end -}}
{{- if not (or .Values.crds.install (.Capabilities.APIVersions.Has "kubernetes-client.io/v1")) -}}
{{- $warnings = append $warnings "crds.install is off and the cluster has no ExternalSecret of kubernetes-client.io/v1: the pods start once it does." -}}
{{- end -}}
{{- if and .Values.hostNetwork .Values.networkPolicy.enabled -}}
{{- $warnings = append $warnings "networkPolicy has no effect on pods of the node's network (hostNetwork)." -}}
{{- end -}}
{{- $warnings | toYaml -}}
{{- end -}}
