package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PushSecret has ESO write a Secret into Vault.
// +kubebuilder:object:root=true
type PushSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec   PushSecretSpec   `json:"spec,omitzero"`
	Status PushSecretStatus `json:"status,omitzero"`
}

// PushSecretList is a list of PushSecrets.
// +kubebuilder:object:root=true
type PushSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []PushSecret `json:"items"`
}

// ClusterPushSecret has ESO make PushSecrets in namespaces.
// +kubebuilder:object:root=true
type ClusterPushSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec ClusterPushSecretSpec `json:"spec,omitzero"`
}

// ClusterPushSecretList is a list of ClusterPushSecrets.
// +kubebuilder:object:root=true
type ClusterPushSecretList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []ClusterPushSecret `json:"items"`
}

// ClusterPushSecretSpec is what is made, and in which namespaces: in those that
// any of the selectors selects.
type ClusterPushSecretSpec struct {
	PushSecretSpec     PushSecretSpec          `json:"pushSecretSpec,omitzero"`
	NamespaceSelectors []*metav1.LabelSelector `json:"namespaceSelectors,omitempty"`

	PushSecretName     Ignored `json:"pushSecretName,omitzero" ignored:"the name of what is made"`
	PushSecretMetadata Ignored `json:"pushSecretMetadata,omitzero" ignored:"labels and annotations of what is made"`
	RefreshTime        Ignored `json:"refreshTime,omitzero" ignored:"how often the namespaces are looked at"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (s *ClusterPushSecretSpec) UnmarshalJSON(data []byte) (err error) {
	type plain ClusterPushSecretSpec
	s.Unknown, err = decodeStrict(data, (*plain)(s))
	return err
}

// PushSecretSpec is what is written, to each of the stores.
type PushSecretSpec struct {
	SecretStoreRefs []PushStoreRef `json:"secretStoreRefs,omitempty"`
	Selector        PushSelector   `json:"selector,omitzero"`
	Data            []PushData     `json:"data,omitempty"`
	DataTo          []PushDataTo   `json:"dataTo,omitempty"`
	DeletionPolicy  string         `json:"deletionPolicy,omitempty"`
	// RefreshInterval says when ESO writes again.
	RefreshInterval string `json:"refreshInterval,omitempty"`

	UpdatePolicy Ignored `json:"updatePolicy,omitzero" ignored:"whether what is there is overwritten"`
	Template     Ignored `json:"template,omitzero" ignored:"what is written, and not where to"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (s *PushSecretSpec) UnmarshalJSON(data []byte) (err error) {
	type plain PushSecretSpec
	s.Unknown, err = decodeStrict(data, (*plain)(s))
	return err
}

// PushStoreRef names a store, or selects stores; with both it selects.
type PushStoreRef struct {
	StoreRef `json:",inline"`

	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
}

// PushSelector is what is written.
type PushSelector struct {
	GeneratorRef *GeneratorRef `json:"generatorRef,omitempty"`

	Secret Ignored `json:"secret,omitzero" ignored:"a Secret of the namespace"`
}

// PushData is one write.
type PushData struct {
	Match PushMatch `json:"match,omitzero"`

	Metadata           Ignored `json:"metadata,omitzero" ignored:"ESO's Vault provider does not look at it"`
	ConversionStrategy Ignored `json:"conversionStrategy,omitzero" ignored:"the keys of what is written"`
}

// PushMatch is where it goes.
type PushMatch struct {
	RemoteRef PushRemoteRef `json:"remoteRef,omitzero"`

	SecretKey Ignored `json:"secretKey,omitzero" ignored:"the key in the Secret"`
}

// PushRemoteRef is one path.
type PushRemoteRef struct {
	RemoteKey string `json:"remoteKey,omitempty"`

	Property Ignored `json:"property,omitzero" ignored:"a part of what is written"`
}

// PushDataTo writes all keys of the Secret: to one path, or each to one of its
// own.
type PushDataTo struct {
	StoreRef           *PushStoreRef `json:"storeRef,omitempty"`
	RemoteKey          string        `json:"remoteKey,omitempty"`
	ConversionStrategy string        `json:"conversionStrategy,omitempty"`
	Rewrite            []Ignored     `json:"rewrite,omitempty" ignored:"what the keys become is not known before; only whether they do is looked at"`

	Match    Ignored `json:"match,omitzero" ignored:"which of the keys; all may be"`
	Metadata Ignored `json:"metadata,omitzero" ignored:"ESO's Vault provider does not look at it"`
}

// PushSecretStatus is ESO's record, by which it deletes.
type PushSecretStatus struct {
	// SyncedPushSecrets are by "kind/name" of the store, then by path.
	SyncedPushSecrets map[string]map[string]PushData `json:"syncedPushSecrets,omitempty"`
}
