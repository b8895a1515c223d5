package v1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign/countersign/api"
)

// ExternalSecret asks for values of an external store. A Secret of the same
// name and namespace is made of them, once per change: when the spec changes,
// or the annotation countersign.dev/resync is given a new value. Vault is not
// polled.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=externalsecrets,singular=externalsecret,shortName=es,scope=Namespaced
// +kubebuilder:printcolumn:name="Last Sync",type=date,JSONPath=`.status.lastSync`
// +kubebuilder:printcolumn:name="status",type=string,JSONPath=`.status.status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ExternalSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What to read, with which role, and what to make of it.
	// +required
	Spec ExternalSecretSpec `json:"spec"`
	// What became of it.
	// +optional
	Status ExternalSecretStatus `json:"status,omitempty"`
}

// ExternalSecretList is a list of ExternalSecrets.
// +kubebuilder:object:root=true
type ExternalSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ExternalSecret `json:"items"`
}

// Backend names an external store.
// +kubebuilder:validation:Enum=secretsManager;systemManager;vault;azureKeyVault;gcpSecretsManager;alicloudSecretsManager;ibmcloudSecretsManager;akeyless
type Backend string

// BackendVault is the one that Countersign reads.
const BackendVault Backend = "vault"

// ExternalSecretSpec says what to read. Only the fields that name Vault, data
// and the template matter to the vault backend; the others belong to other
// backends of kubernetes-external-secrets and are kept as they are.
type ExternalSecretSpec struct {
	// The external store to read. Countersign syncs vault; objects of other
	// backends are stored unchanged and never synced.
	// +required
	BackendType Backend `json:"backendType"`
	// The mount of Vault's Kubernetes auth method to log in at, without
	// "auth/". Left out, the operator's default applies.
	// +optional
	VaultMountPoint string `json:"vaultMountPoint,omitempty"`
	// The role of that auth method to log in with. Policy says which roles a
	// namespace may use. Left out, the operator's default applies, if any.
	// +optional
	VaultRole string `json:"vaultRole,omitempty"`
	// The version of the KV secrets engine that answers, 1 or 2. It says how
	// the answer is read, never what is asked: the path of a KV v2 value has
	// "data/" after the mount.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2
	KVVersion int `json:"kvVersion,omitempty"`
	// Single values, each with a name in the Secret. They win over dataFrom
	// and dataFromWithOptions.
	// +optional
	Data []DataItem `json:"data,omitempty"`
	// Full paths whose top-level fields all become keys of the Secret.
	// +optional
	DataFrom []string `json:"dataFrom,omitempty"`
	// The same as dataFrom, as objects.
	// +optional
	DataFromWithOptions []DataFromItem `json:"dataFromWithOptions,omitempty"`
	// A partial Secret that is merged into the generated one: type, labels,
	// annotations, data (base64), stringData and immutable. Generated fields
	// win. Expressions in data and stringData, as in "<%= data.password %>",
	// have the values put in. Changing any of it, for example an annotation
	// with a commit hash, has the values read again.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Template *apiextensionsv1.JSON `json:"template,omitempty"`
	// Names the controller instance that is to sync the object. One without a
	// name is synced by the instance without a name only. Policy holds for both.
	// +optional
	ControllerID string `json:"controllerId,omitempty"`
	// The type of the Secret. Deprecated: use template.type.
	// +optional
	Type string `json:"type,omitempty"`
	// Role of the AWS and Alibaba Cloud backends. The vault backend ignores it.
	// +optional
	RoleArn string `json:"roleArn,omitempty"`
	// Region of the AWS backends.
	// +optional
	Region string `json:"region,omitempty"`
	// Name of the Azure Key Vault.
	// +optional
	KeyVaultName string `json:"keyVaultName,omitempty"`
	// Project of the Google Secret Manager backend.
	// +optional
	ProjectID string `json:"projectId,omitempty"`
	// Whether IBM Cloud keys are names.
	// +optional
	KeyByName bool `json:"keyByName,omitempty"`
}

// DataItem is one value.
type DataItem struct {
	// The full Vault API path of the secret, as in "vault read
	// secret/data/app/db". "?version=N" at the end pins a version of KV v2.
	// +optional
	Key string `json:"key,omitempty"`
	// The key in the Secret.
	// +optional
	Name string `json:"name,omitempty"`
	// The field of the secret to take. A field of exactly this name wins;
	// otherwise it is a path such as db.users[0].name. Left out, the value is
	// the whole secret as JSON.
	// +optional
	Property *string `json:"property,omitempty"`
	// Whether the value is base64 and is to be decoded before it is stored.
	// +optional
	IsBinary bool `json:"isBinary,omitempty"`
	// Path of the AWS Systems Manager backend. Refused with vault.
	// +optional
	Path string `json:"path,omitempty"`
	// Whether path is read recursively, by the AWS Systems Manager backend.
	// +optional
	Recursive bool `json:"recursive,omitempty"`
	// Version of the Google and Azure backends. With vault, pin a version by
	// "?version=N" in the key.
	// +optional
	// +kubebuilder:validation:XIntOrString
	Version *intstr.IntOrString `json:"version,omitempty"`
	// Version stage of the AWS Secrets Manager backend.
	// +optional
	VersionStage string `json:"versionStage,omitempty"`
	// Version ID of the AWS Secrets Manager backend.
	// +optional
	VersionID string `json:"versionId,omitempty"`
	// Type of secret of the IBM Cloud backend.
	// +optional
	SecretType string `json:"secretType,omitempty"`
}

// DataFromItem is one secret whose fields all become keys.
type DataFromItem struct {
	// The full Vault API path of the secret.
	// +required
	Key string `json:"key"`
	// Used by other backends; the vault backend ignores it.
	// +optional
	IsBinary bool `json:"isBinary,omitempty"`
	// Version stage of the AWS Secrets Manager backend.
	// +optional
	VersionStage string `json:"versionStage,omitempty"`
	// Version ID of the AWS Secrets Manager backend.
	// +optional
	VersionID string `json:"versionId,omitempty"`
}

// ExternalSecretStatus has the fields of kubernetes-external-secrets, for the
// dashboards that read them, and those of Countersign.
type ExternalSecretStatus struct {
	// Time of the last attempt.
	// +optional
	LastSync string `json:"lastSync,omitempty"`
	// SUCCESS, or "ERROR, " and the message.
	// +optional
	Status string `json:"status,omitempty"`
	// The generation of the last attempt.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	api.SyncStatus `json:",inline"`
}
