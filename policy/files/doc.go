// Package files finds policy documents in files, for commands that work
// offline: raw AccessPolicy documents, ConfigMap manifests that hold them, and
// lists of those, in files, directories or standard input. A problem is told
// by the lines of the file that it is in.
package files
