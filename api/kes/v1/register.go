package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group of kubernetes-external-secrets.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: "kubernetes-client.io", Version: "v1"}
}

// Kind is the kind of the dialect's object.
const Kind = "ExternalSecret"

// AddToScheme makes the types known to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion(), &ExternalSecret{}, &ExternalSecretList{})
	metav1.AddToGroupVersion(scheme, GroupVersion())
	return nil
}
