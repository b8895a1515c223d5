package policy

import "maps"

// labelMetadataName is on every namespace of a cluster, by the apiserver.
// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name
const labelMetadataName = "kubernetes.io/metadata.name"

// NamespaceLabels are the labels that a namespace with these has in a cluster.
func NamespaceLabels(name string, labels map[string]string) map[string]string {
	all := maps.Clone(labels)
	if all == nil {
		all = map[string]string{}
	}
	all[labelMetadataName] = name
	return all
}
