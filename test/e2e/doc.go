// Package e2e shows the chart on a real cluster with real pods: it is
// installed with helm, asked by kubectl, upgraded, rolled back, and broken in
// the ways that a cluster breaks, while a steady load of admissions is counted.
//
// All that it needs is a kubeconfig, and a Vault that pods reach. Without
// E2E_KUBECONFIG these are those of "make cluster"; docs/cluster.md tells how
// another cluster is used. What only the machine of the node can do, such as
// freezing a process, is skipped there.
//
// Tests share one release and run one after the other, each on its own too.
package e2e
