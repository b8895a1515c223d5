package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// VaultDynamicSecret is one request to any path of Vault, whose answer other
// objects use.
// +kubebuilder:object:root=true
type VaultDynamicSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec VaultDynamicSecretSpec `json:"spec,omitzero"`
}

// VaultDynamicSecretList is a list of VaultDynamicSecrets.
// +kubebuilder:object:root=true
type VaultDynamicSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []VaultDynamicSecret `json:"items"`
}

// VaultDynamicSecretSpec is the request.
type VaultDynamicSecretSpec struct {
	Provider *VaultProvider `json:"provider,omitempty"`
	// Path is sent as it stands, without Provider's.
	Path string `json:"path,omitempty"`
	// Method is GET where it is left out.
	Method string `json:"method,omitempty"`

	Controller         Ignored `json:"controller,omitzero" ignored:"which ESO uses the generator; any may"`
	Parameters         Ignored `json:"parameters,omitzero" ignored:"what is sent, and not where to"`
	GetParameters      Ignored `json:"getParameters,omitzero" ignored:"a query; the path stays as it is"`
	ResultType         Ignored `json:"resultType,omitzero" ignored:"a part of the answer"`
	RetrySettings      Ignored `json:"retrySettings,omitzero" ignored:"how often ESO tries"`
	AllowEmptyResponse Ignored `json:"allowEmptyResponse,omitzero" ignored:"what becomes of the answer"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (s *VaultDynamicSecretSpec) UnmarshalJSON(data []byte) (err error) {
	type plain VaultDynamicSecretSpec
	s.Unknown, err = decodeStrict(data, (*plain)(s))
	return err
}

// ClusterGenerator is a generator for objects of any namespace.
// +kubebuilder:object:root=true
type ClusterGenerator struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec ClusterGeneratorSpec `json:"spec,omitzero"`
}

// ClusterGeneratorList is a list of ClusterGenerators.
// +kubebuilder:object:root=true
type ClusterGeneratorList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []ClusterGenerator `json:"items"`
}

// ClusterGeneratorSpec is of one kind of generator.
type ClusterGeneratorSpec struct {
	Kind      string               `json:"kind,omitempty"`
	Generator ClusterGeneratorKind `json:"generator,omitzero"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (s *ClusterGeneratorSpec) UnmarshalJSON(data []byte) (err error) {
	type plain ClusterGeneratorSpec
	s.Unknown, err = decodeStrict(data, (*plain)(s))
	return err
}

// ClusterGeneratorKind is a request to Vault, or another generator that is not
// looked at.
type ClusterGeneratorKind struct {
	VaultDynamicSecretSpec *VaultDynamicSecretSpec `json:"vaultDynamicSecretSpec,omitempty"`
}

// UnmarshalJSON takes Vault's out of many.
func (k *ClusterGeneratorKind) UnmarshalJSON(data []byte) error {
	type plain ClusterGeneratorKind
	return kjson.UnmarshalCaseSensitivePreserveInts(data, (*plain)(k))
}
