{{/*
What runs: one Deployment for admission and sync, or one for each. Admission has
the release's name and labels either way, so that a change from one to the other
is a rolling update; the sync has its ServiceAccount, which is the one that
Vault knows.
*/}}
{{- define "countersign.parts" -}}
{{- $name := include "countersign.fullname" . -}}
{{- $app := include "countersign.name" . -}}
{{- $account := include "countersign.serviceAccountName" . -}}
{{- if .Values.split -}}
- {name: {{ $name }}, app: {{ $app }}, serviceAccount: {{ include "countersign.admissionAccountName" . }}, lease: countersign-admission, admission: true, sync: false}
- {name: {{ $name }}-sync, app: {{ $app }}-sync, serviceAccount: {{ $account }}, lease: countersign, admission: false, sync: true}
{{- else -}}
- {name: {{ $name }}, app: {{ $app }}, serviceAccount: {{ $account }}, lease: countersign, admission: true, sync: true}
{{- end -}}
{{- end -}}

{{/* These take a dict of root and part. */}}
{{- define "countersign.partSelector" -}}
app.kubernetes.io/name: {{ .part.app }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "countersign.partLabels" -}}
{{- mergeOverwrite (include "countersign.labels" .root | fromYaml) (include "countersign.partSelector" . | fromYaml) | toYaml -}}
{{- end -}}
