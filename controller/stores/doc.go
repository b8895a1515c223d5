// Package stores tells in the status of ESO's stores whether Countersign can do
// what they say, where their class is Countersign's: External Secrets Operator
// leaves those alone, and its users and tools wait for the Ready condition.
//
// It is level-based and asks Vault nothing. What is wrong with a store is what
// admission would say of it now.
package stores
