package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
)

// ExternalSecret has ESO make a Secret of what Vault answers.
// +kubebuilder:object:root=true
type ExternalSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec   ExternalSecretSpec   `json:"spec,omitzero"`
	Status ExternalSecretStatus `json:"status,omitzero"`

	// Sync is what Countersign remembers.
	Sync api.SyncStatus `json:"-"`
}

// ExternalSecretList is a list of ExternalSecrets.
// +kubebuilder:object:root=true
type ExternalSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []ExternalSecret `json:"items"`
}

// ClusterExternalSecret has ESO make ExternalSecrets in namespaces.
// +kubebuilder:object:root=true
type ClusterExternalSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec ClusterExternalSecretSpec `json:"spec,omitzero"`
}

// ClusterExternalSecretList is a list of ClusterExternalSecrets.
// +kubebuilder:object:root=true
type ClusterExternalSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []ClusterExternalSecret `json:"items"`
}

// ClusterExternalSecretSpec is what is made, and in which namespaces: in those
// that any of the selectors selects.
type ClusterExternalSecretSpec struct {
	ExternalSecretSpec ExternalSecretSpec      `json:"externalSecretSpec,omitzero"`
	NamespaceSelector  *metav1.LabelSelector   `json:"namespaceSelector,omitempty"`
	NamespaceSelectors []*metav1.LabelSelector `json:"namespaceSelectors,omitempty"`
	Namespaces         []string                `json:"namespaces,omitempty"`

	ExternalSecretName     Ignored `json:"externalSecretName,omitzero" ignored:"the name of what is made"`
	ExternalSecretMetadata Ignored `json:"externalSecretMetadata,omitzero" ignored:"labels and annotations of what is made"`
	RefreshTime            Ignored `json:"refreshTime,omitzero" ignored:"how often the namespaces are looked at"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (s *ClusterExternalSecretSpec) UnmarshalJSON(data []byte) (err error) {
	type plain ClusterExternalSecretSpec
	s.Unknown, err = decodeStrict(data, (*plain)(s))
	return err
}

// ExternalSecretSpec is what is read.
type ExternalSecretSpec struct {
	// SecretStoreRef is for entries that have no reference of their own.
	SecretStoreRef *StoreRef      `json:"secretStoreRef,omitempty"`
	Data           []DataItem     `json:"data,omitempty"`
	DataFrom       []DataFromItem `json:"dataFrom,omitempty"`
	Target         Target         `json:"target,omitzero"`
	// RefreshPolicy and RefreshInterval say when ESO reads again.
	RefreshPolicy   string `json:"refreshPolicy,omitempty"`
	RefreshInterval string `json:"refreshInterval,omitempty"`

	SyncWindows *Ignored `json:"syncWindows,omitempty" ignored:"when ESO reads"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (s *ExternalSecretSpec) UnmarshalJSON(data []byte) (err error) {
	type plain ExternalSecretSpec
	s.Unknown, err = decodeStrict(data, (*plain)(s))
	return err
}

// StoreRef names a store; another kind than ClusterSecretStore is SecretStore.
type StoreRef struct {
	Name string `json:"name,omitempty"`
	Kind string `json:"kind,omitempty"`
}

// GeneratorRef names a generator.
type GeneratorRef struct {
	Kind string `json:"kind,omitempty"`
	Name string `json:"name,omitempty"`

	APIVersion Ignored `json:"apiVersion,omitzero" ignored:"ESO has one version of generators"`
}

// SourceRef is where an entry is from, in place of the spec's store.
type SourceRef struct {
	StoreRef     *StoreRef     `json:"storeRef,omitempty"`
	GeneratorRef *GeneratorRef `json:"generatorRef,omitempty"`
}

// DataItem is one value.
type DataItem struct {
	// SecretKey is the key in the Secret.
	SecretKey string     `json:"secretKey,omitempty"`
	RemoteRef RemoteRef  `json:"remoteRef,omitzero"`
	SourceRef *SourceRef `json:"sourceRef,omitempty"`
}

// RemoteRef is one path.
type RemoteRef struct {
	Key            string `json:"key,omitempty"`
	Version        string `json:"version,omitempty"`
	MetadataPolicy string `json:"metadataPolicy,omitempty"`
	// Property is a part of the answer.
	Property string `json:"property,omitempty"`

	Strategies `json:",inline"`
}

// Strategies say what becomes of an answer.
type Strategies struct {
	ConversionStrategy string `json:"conversionStrategy,omitempty"`
	DecodingStrategy   string `json:"decodingStrategy,omitempty"`
	NullBytePolicy     string `json:"nullBytePolicy,omitempty"`
}

// DataFromItem is many values.
type DataFromItem struct {
	Extract   *RemoteRef `json:"extract,omitempty"`
	Find      *Find      `json:"find,omitempty"`
	SourceRef *SourceRef `json:"sourceRef,omitempty"`
	Rewrite   []Rewrite  `json:"rewrite,omitempty"`
}

// Find is all of a tree that has a name or tags.
type Find struct {
	Path *string           `json:"path,omitempty"`
	Name *FindName         `json:"name,omitempty"`
	Tags map[string]string `json:"tags,omitempty"`

	Strategies `json:",inline"`
}
