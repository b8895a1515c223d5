// Package rollout shows that admission is never interrupted: a steady load of
// server-side creates goes through the real apiserver to two replicas behind one
// Service, while certificates and CA are rotated, replicas are replaced one
// after the other, and policy is reloaded. Every answer is counted.
package rollout
