{{/* All Vaults by name: values.vaults, and values.vault as "default". */}}
{{- define "countersign.vaults" -}}
{{- $vaults := dict "default" (omit .Values.vault "authDelegator") -}}
{{- range $name, $vault := .Values.vaults -}}
{{- $_ := set $vaults $name $vault -}}
{{- end -}}
{{- range $name, $vault := $vaults -}}
{{- if not $vault.address -}}
{{- fail (printf "\n\n%s: the address of your Vault is missing, for example --set vault.address=https://vault.example:8200\n" (ternary "vault.address" (printf "vaults.%s.address" $name) (eq $name "default"))) -}}
{{- end -}}
{{- end -}}
{{- toYaml $vaults -}}
{{- end -}}

{{- define "countersign.vaultTokenFile" -}}
{{- ternary "token" (printf "%s.token" .) (eq . "default") -}}
{{- end -}}

{{/* settings.yaml as the process reads it. */}}
{{- define "countersign.settings" -}}
{{- $vaults := dict -}}
{{- range $name, $vault := include "countersign.vaults" . | fromYaml -}}
{{- $settings := omit $vault "caCert" "clientCertSecret" -}}
{{- $_ := set $settings "tokenFile" (printf "/var/run/secrets/countersign/vault/%s" (include "countersign.vaultTokenFile" $name)) -}}
{{- if $vault.caCert -}}
{{- $_ := set $settings "caFile" (printf "/etc/countersign/vault-ca/%s.pem" $name) -}}
{{- end -}}
{{- if $vault.clientCertSecret -}}
{{- $_ := set $settings "clientCertFile" (printf "/etc/countersign/vault-client/%s/tls.crt" $name) -}}
{{- $_ := set $settings "clientKeyFile" (printf "/etc/countersign/vault-client/%s/tls.key" $name) -}}
{{- end -}}
{{- $_ := set $vaults $name $settings -}}
{{- end -}}
apiVersion: countersign.dev/v1alpha1
kind: Settings
vaults:
  {{- toYaml $vaults | nindent 2 }}
enforcement:
  {{- toYaml .Values.enforcement | nindent 2 }}
dialects: {{ toJson .Values.dialects }}
eso: {{ toJson .Values.eso }}
otherBackends: {{ .Values.otherBackends }}
maxPaths: {{ int64 .Values.maxPaths }}
recordRequester: {{ .Values.recordRequester }}
{{- end -}}

{{/* The PEM bundles by file name, empty where no Vault has one. */}}
{{- define "countersign.vaultCAs" -}}
{{- range $name, $vault := include "countersign.vaults" . | fromYaml }}
{{- with $vault.caCert }}
{{ $name }}.pem: |
  {{- trim . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The ports of their addresses, as a YAML list of numbers. */}}
{{- define "countersign.vaultPorts" -}}
{{- $ports := list -}}
{{- range include "countersign.vaults" . | fromYaml -}}
{{- $usual := ternary "80" "443" (hasPrefix "http://" .address) -}}
{{- $ports = append $ports (regexFind ":[0-9]+/?$" .address | trimAll ":/" | default $usual | int) -}}
{{- end -}}
{{- $ports | uniq | toYaml -}}
{{- end -}}
