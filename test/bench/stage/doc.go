// Package stage is the cluster that the benchmarks measure on: a real control
// plane and Vault, with namespaces of tenants whose ExternalSecrets ask for five
// values of one path each. What reached Vault is told by Vault's audit log, what
// a process cost by the kernel.
package stage
