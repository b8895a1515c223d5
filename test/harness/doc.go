// Package harness runs Countersign's surroundings for real, on loopback: etcd,
// kube-apiserver, the few controllers of kube-controller-manager that
// ownership needs, and Vault. Integration tests, the demo and the benchmarks
// stand on it.
//
// An Env is one such control plane with its Vault. Several can live at once,
// in one process or in many: each has its own folder and its own ports, held
// by file locks that the kernel releases with the process.
//
// Nothing outlives its Env. Stop ends everything, and so does the end of the
// context given to Start. Should this process die without a chance to call it,
// by a panic or SIGKILL, the kernel ends the children with it (Linux; see
// startChild), and the next Start sweeps the folder.
//
// The harness plays the parts of a cluster that a loopback control plane lacks,
// and nothing more. InstallChart is helm, with the webhooks' Service turned
// into a URL. StartCountersign is the kubelet: it runs the Deployment's
// container as a process, with the arguments, volumes and ServiceAccount that
// the chart gives it.
package harness
