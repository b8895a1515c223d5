{{/* What the pods of a part find in their folders: dicts of root and part. */}}
{{- define "countersign.volumeMounts" -}}
{{- $vaultCAs := include "countersign.vaultCAs" .root -}}
{{- $vaults := include "countersign.vaults" .root | fromYaml -}}
- name: settings
  mountPath: /etc/countersign/settings
  readOnly: true
{{- if .part.admission }}
- name: certs
  mountPath: /var/run/countersign/certs
  readOnly: true
{{- end }}
{{- if .part.sync }}
{{- if $vaultCAs }}
- name: vault-ca
  mountPath: /etc/countersign/vault-ca
  readOnly: true
{{- end }}
{{- range $name, $vault := $vaults }}
{{- if $vault.clientCertSecret }}
- name: vault-client-{{ $name }}
  mountPath: /etc/countersign/vault-client/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}
- name: vault-token
  mountPath: /var/run/secrets/countersign/vault
  readOnly: true
{{- end }}
{{- end -}}

{{- define "countersign.volumes" -}}
{{- $vaultCAs := include "countersign.vaultCAs" .root -}}
{{- $vaults := include "countersign.vaults" .root | fromYaml -}}
- name: settings
  configMap:
    name: {{ include "countersign.fullname" .root }}
{{- if .part.admission }}
# The items keep ca.key out of the pod.
- name: certs
  secret:
    secretName: {{ include "countersign.certSecret" .root }}
    {{- if include "countersign.selfSigned" .root }}
    # Empty until the first replica has filled it.
    optional: true
    {{- end }}
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
      {{- if include "countersign.selfSigned" .root }}
      - {key: ca.crt, path: ca.crt}
      {{- end }}
{{- end }}
{{- if .part.sync }}
{{- if $vaultCAs }}
- name: vault-ca
  configMap:
    name: {{ include "countersign.fullname" .root }}-vault-ca
{{- end }}
{{- range $name, $vault := $vaults }}
{{- with $vault.clientCertSecret }}
- name: vault-client-{{ $name }}
  secret:
    secretName: {{ . }}
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- end }}
- name: vault-token
  projected:
    sources:
      {{- range $name, $vault := $vaults }}
      - serviceAccountToken:
          audience: {{ $vault.audience | default "vault" }}
          expirationSeconds: 3600
          path: {{ include "countersign.vaultTokenFile" $name }}
      {{- end }}
{{- end }}
{{- end -}}
