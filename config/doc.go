// Package config is what the operator configures: the process's settings, read
// once from a file, and the policy, read live from ConfigMaps.
//
// Both are strict. A settings file with an unknown field stops the start; a
// policy that does not compile leaves the last good one in force, ConfigMap by
// ConfigMap. The leader keeps the last good policy in a ConfigMap of the
// chart's, so that a process that starts with a bad one comes to the same as
// those that run.
package config
