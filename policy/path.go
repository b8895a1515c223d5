package policy

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

const (
	maxPathBytes    = 512
	maxPathSegments = 32
)

// PathProblem says why a Vault API path is not canonical and what to write
// instead; it is empty for a canonical path.
//
// Vault's own client cleans paths before it sends them (path.Join), so that
// "a/../b" asks for "b". Only a path that no cleaning would change can be
// checked and then sent byte for byte; anything else is refused, not repaired.
func PathProblem(p string) string {
	problem := shapeProblem(p)
	if problem == "" {
		return ""
	}
	if want := canonicalSpelling(p); want != p && shapeProblem(want) == "" {
		return fmt.Sprintf("not a canonical Vault path: %s; write %q", problem, want)
	}
	return "not a canonical Vault path: " + problem
}

// shapeProblem allocates nothing for a canonical path.
func shapeProblem(p string) string {
	switch {
	case p == "":
		return "it is empty"
	case len(p) > maxPathBytes:
		return fmt.Sprintf("it is longer than %d bytes", maxPathBytes)
	case p[0] == '/':
		return "it starts with a slash"
	case p[len(p)-1] == '/':
		return "it ends with a slash"
	case strings.HasPrefix(p, "v1/"):
		return "it starts with the API prefix v1/"
	}
	count := 0
	for rest, more := p, true; more; count++ {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if problem := segmentProblem(segment); problem != "" {
			return problem
		}
	}
	if count < 2 {
		return "it needs a mount and a path below it, such as secret/data/app"
	}
	if count > maxPathSegments {
		return fmt.Sprintf("it has more than %d segments", maxPathSegments)
	}
	return ""
}

func segmentProblem(segment string) string {
	switch segment {
	case "":
		return "it has an empty segment (//)"
	case ".", "..":
		return fmt.Sprintf("it has a %q segment", segment)
	}
	for i := range len(segment) {
		if !isPathByte(segment[i]) {
			return fmt.Sprintf("segment %q has a character outside A-Z a-z 0-9 _ . @ : = ~ -", segment)
		}
	}
	return ""
}

func isPathByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("_.@:=~-", c) >= 0
}

// canonicalSpelling is where Vault's client would have gone; it only feeds a
// message.
func canonicalSpelling(p string) string {
	cleaned := strings.TrimPrefix(path.Clean("/"+p), "/")
	return strings.TrimPrefix(cleaned, "v1/")
}

// SplitVersion parses "?version=N" off the end of a key. That query is how the
// users of kubernetes-external-secrets pin a KV v2 version; 0 is the latest.
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
func SplitVersion(key string) (p string, version int) {
	p, digits, found := strings.Cut(key, "?version=")
	if !found {
		return key, 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n <= 0 || strconv.Itoa(n) != digits {
		return key, 0
	}
	return p, n
}

// isReserved reports a first segment that no secret engine may have. The
// comparison folds case: a storage backend might.
func isReserved(segment string) bool {
	switch strings.ToLower(segment) {
	case "sys", "auth", "identity", "cubbyhole":
		return true
	}
	return false
}

// reservedProblem finds the reserved names as the first segment, and anywhere
// in a path outside the declared mounts, where a Vault namespace may have been
// written in front of them.
func (p *Policy) reservedProblem(read *Read) string {
	first, rest, more := strings.Cut(read.Path, "/")
	if isReserved(first) {
		return fmt.Sprintf("%q is reserved by Vault and never readable", first)
	}
	if read.Subtree {
		return p.reservedBelow(read.Path)
	}
	if p.underMount(read.Path) {
		return ""
	}
	for more {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if isReserved(segment) {
			return fmt.Sprintf("%q is reserved by Vault and never readable, behind a Vault namespace neither", segment)
		}
	}
	return ""
}

func (p *Policy) underMount(vaultPath string) bool {
	for i := range len(vaultPath) {
		if vaultPath[i] != '/' {
			continue
		}
		if _, ok := p.mounts[vaultPath[:i]]; ok {
			return true
		}
	}
	return false
}
