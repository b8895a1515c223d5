{{- define "countersign.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "countersign.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "countersign.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "countersign.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "countersign.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "countersign.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "countersign.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "countersign.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the ServiceAccount, or leave serviceAccount.create on" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "countersign.admissionAccountName" -}}
{{- default (printf "%s-admission" (include "countersign.serviceAccountName" .)) .Values.serviceAccount.admissionName -}}
{{- end -}}

{{- define "countersign.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "countersign.selfSigned" -}}
{{- if eq .Values.certificates.mode "self" }}true{{ end -}}
{{- end -}}

{{/* One name per mode, so that neither owner ever finds the other's Secret. */}}
{{- define "countersign.certSecret" -}}
{{- $suffix := ternary "webhook-cert" "webhook-tls" (eq .Values.certificates.mode "self") -}}
{{- printf "%s-%s" (include "countersign.fullname" .) $suffix -}}
{{- end -}}

{{/* Limits what the apiserver asks Countersign about, where it has no rights elsewhere. */}}
{{- define "countersign.namespaceSelector" -}}
{{- with .Values.watchNamespaces -}}
namespaceSelector:
  matchExpressions:
    - key: kubernetes.io/metadata.name
      operator: In
      values:
        {{- toYaml . | nindent 8 }}
{{- end -}}
{{- end -}}

{{- define "countersign.lastGood" -}}
{{ include "countersign.fullname" . }}-last-good
{{- end -}}
