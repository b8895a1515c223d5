{{/* A role and who has it: a dict of root, part, kind, name, rules and, for a Role, namespace. */}}
{{- define "countersign.grant" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "countersign.labels" .root | nindent 4 }}
rules:
  {{- trim .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "countersign.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .part.serviceAccount }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{/* Where the ExternalSecrets are: in the cluster, or in each of watchNamespaces. */}}
{{- define "countersign.rulesForObjects" -}}
{{- if has "kes" .root.Values.dialects }}
- apiGroups: [kubernetes-client.io]
  resources: [externalsecrets]
  verbs: [get, list, watch]
{{- if .part.sync }}
- apiGroups: [kubernetes-client.io]
  resources: [externalsecrets/status]
  verbs: [get, update, patch]
{{- end }}
{{- end }}
{{- if has "eso" .root.Values.dialects }}
- apiGroups: [external-secrets.io]
  resources: [externalsecrets, secretstores, pushsecrets]
  verbs: [get, list, watch]
- apiGroups: [generators.external-secrets.io]
  resources: [vaultdynamicsecrets]
  verbs: [get, list, watch]
{{- if and .part.sync .root.Values.eso.storeClass }}
# What is remembered of an object stands in an annotation, and the finalizer of
# External Secrets Operator is taken off when the object goes.
- apiGroups: [external-secrets.io]
  resources: [externalsecrets]
  verbs: [patch]
- apiGroups: [external-secrets.io]
  resources: [externalsecrets/status, secretstores/status]
  verbs: [patch]
# Templates may stand in them.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- end }}
{{- end }}
{{- if .part.sync }}
# The sync holds metadata of Secrets only, but RBAC has no word for that.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- with .root.Values.tenantServiceAccounts }}
# Rules with an identity log in as one of these, of the object's namespace.
- apiGroups: [""]
  resources: [serviceaccounts/token]
  resourceNames:
    {{- toYaml . | nindent 4 }}
  verbs: [create]
{{- end }}
{{- end }}
{{- end -}}

{{/* What is in no namespace. */}}
{{- define "countersign.rulesForCluster" -}}
# Their labels are part of a verdict.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]
{{- if has "eso" .root.Values.dialects }}
- apiGroups: [external-secrets.io]
  resources: [clusterexternalsecrets, clustersecretstores, clusterpushsecrets]
  verbs: [get, list, watch]
- apiGroups: [generators.external-secrets.io]
  resources: [clustergenerators]
  verbs: [get, list, watch]
{{- if and .part.sync .root.Values.eso.storeClass }}
- apiGroups: [external-secrets.io]
  resources: [clustersecretstores/status]
  verbs: [patch]
{{- end }}
{{- if .part.sync }}
# The kinds of External Secrets Operator may come and go.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get, list, watch]
{{- end }}
{{- end }}
{{- if and .part.admission (include "countersign.selfSigned" .root) }}
# The CA is written into our own webhook configurations, and no others.
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations, validatingwebhookconfigurations]
  verbs: [list, watch]
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations, validatingwebhookconfigurations]
  resourceNames: [{{ include "countersign.fullname" .root }}]
  verbs: [get, update]
{{- end }}
{{- end -}}

{{/* What is in the release namespace: the policy and what the process keeps there. */}}
{{- define "countersign.rulesForRelease" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
{{- if or .root.Values.watchNamespaces (not .part.sync) }}
# Of a policy that is not taken in.
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
{{- if .part.sync }}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "countersign.lastGood" .root }}]
  verbs: [update]
{{- end }}
{{- if and .part.admission (include "countersign.selfSigned" .root) }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "countersign.certSecret" .root }}]
  verbs: [get, list, watch, update]
{{- end }}
{{- if or .part.sync (include "countersign.selfSigned" .root) }}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ .part.lease }}]
  verbs: [get, update, patch]
{{- end }}
{{- end -}}
