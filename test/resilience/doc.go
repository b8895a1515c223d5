// Package resilience breaks things between Countersign and the world, and shows
// that it stays the careful client it promises to be: a Vault that is away in
// every way there is, a controller that is killed or stopped in the middle of
// its work, a backlog of thousands, a tenant who will not stop.
//
// Between Countersign and the real Vault stands a proxy of the test process,
// which can misbehave, hold requests back, and tells when which one came.
// Vault's audit log is the witness of what got through.
package resilience
