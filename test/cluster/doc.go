// Package cluster runs a real cluster of one node on this machine, without
// Docker: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
// containerd, kubelet, kube-proxy, and a Vault that knows the cluster.
//
// The node is one process, init, in namespaces of its own: of processes, of
// mounts and of the network. Everything else is its child, pods too. So there
// is one process to end, and the kernel ends the others with it, unmounts
// what they mounted and takes their network away, whatever state they are in.
// What is left then are cgroups under one name and one folder, bin/node.
//
// A pair of virtual network devices joins the node with the host: the address
// in the kubeconfig is that of the node's end, and so is Vault's. The node has
// no other route, so nothing in it reaches further than this machine.
//
// Each checkout can have one cluster. It stays until Down.
package cluster
