package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	storesGroup     = "external-secrets.io"
	generatorsGroup = "generators.external-secrets.io"
)

// The kinds by which ESO reaches Vault.
const (
	KindExternalSecret        = "ExternalSecret"
	KindClusterExternalSecret = "ClusterExternalSecret"
	KindSecretStore           = "SecretStore"
	KindClusterSecretStore    = "ClusterSecretStore"
	KindPushSecret            = "PushSecret"
	KindClusterPushSecret     = "ClusterPushSecret"
	KindVaultDynamicSecret    = "VaultDynamicSecret"
	KindClusterGenerator      = "ClusterGenerator"
)

// GroupVersion is that of stores and ExternalSecrets.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: storesGroup, Version: "v1"}
}

// PushGroupVersion is that of PushSecrets.
func PushGroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: storesGroup, Version: "v1alpha1"}
}

// GeneratorsGroupVersion is that of generators.
func GeneratorsGroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: generatorsGroup, Version: "v1alpha1"}
}

// AddToScheme makes the types known to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion(),
		&ExternalSecret{}, &ExternalSecretList{}, &ClusterExternalSecret{}, &ClusterExternalSecretList{},
		&SecretStore{}, &SecretStoreList{}, &ClusterSecretStore{}, &ClusterSecretStoreList{})
	scheme.AddKnownTypes(PushGroupVersion(),
		&PushSecret{}, &PushSecretList{}, &ClusterPushSecret{}, &ClusterPushSecretList{})
	scheme.AddKnownTypes(GeneratorsGroupVersion(),
		&VaultDynamicSecret{}, &VaultDynamicSecretList{}, &ClusterGenerator{}, &ClusterGeneratorList{})
	for _, version := range []schema.GroupVersion{GroupVersion(), PushGroupVersion(), GeneratorsGroupVersion()} {
		metav1.AddToGroupVersion(scheme, version)
	}
	return nil
}
