package v1

import (
	"encoding/json"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretStore says how the objects of a namespace reach Vault.
// +kubebuilder:object:root=true
type SecretStore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec   SecretStoreSpec   `json:"spec,omitzero"`
	Status SecretStoreStatus `json:"status,omitzero"`
}

// SecretStoreList is a list of SecretStores.
// +kubebuilder:object:root=true
type SecretStoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []SecretStore `json:"items"`
}

// ClusterSecretStore says how objects of any namespace reach Vault.
// +kubebuilder:object:root=true
type ClusterSecretStore struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec   SecretStoreSpec   `json:"spec,omitzero"`
	Status SecretStoreStatus `json:"status,omitzero"`
}

// ClusterSecretStoreList is a list of ClusterSecretStores.
// +kubebuilder:object:root=true
type ClusterSecretStoreList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []ClusterSecretStore `json:"items"`
}

// SecretStoreSpec is of both.
type SecretStoreSpec struct {
	Provider StoreProvider `json:"provider,omitzero"`
	// Controller is the class of who syncs the objects that refer to the store.
	Controller string `json:"controller,omitempty"`
	// Conditions say which namespaces may use a ClusterSecretStore; none is all.
	Conditions []StoreCondition `json:"conditions,omitempty"`

	RetrySettings   Ignored `json:"retrySettings,omitzero" ignored:"how often ESO tries"`
	RefreshInterval Ignored `json:"refreshInterval,omitzero" ignored:"how often ESO tries the store"`

	// Unknown are fields that stand there besides.
	Unknown []string `json:"-"`
}

// UnmarshalJSON notes what it does not know.
func (s *SecretStoreSpec) UnmarshalJSON(data []byte) (err error) {
	type plain SecretStoreSpec
	s.Unknown, err = decodeStrict(data, (*plain)(s))
	return err
}

// StoreCondition has the namespaces that any of its parts matches.
type StoreCondition struct {
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	Namespaces        []string              `json:"namespaces,omitempty"`
	NamespaceRegexes  []string              `json:"namespaceRegexes,omitempty"`
}

// StoreProvider is Vault, or another provider that is not looked at.
type StoreProvider struct {
	Vault *VaultProvider `json:"vault,omitempty"`
	// Other is the name of another provider.
	Other string `json:"-"`
}

// UnmarshalJSON takes Vault out of many.
func (p *StoreProvider) UnmarshalJSON(data []byte) error {
	var providers map[string]json.RawMessage
	if err := json.Unmarshal(data, &providers); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		if name != "vault" {
			p.Other = name
			continue
		}
		if err := json.Unmarshal(providers[name], &p.Vault); err != nil {
			return err
		}
	}
	return nil
}
