package policy

import (
	"path"
	"strconv"
	"strings"
	"testing"
)

func TestPathProblem(t *testing.T) {
	tests := map[string]struct{ path, want string }{
		"canonical":              {"secret/data/team-a/db", ""},
		"all characters":         {"secret/data/A_z.9@b:c=d~e-f", ""},
		"dots within a segment":  {"secret/data/foo..bar", ""},
		"two segments":           {"secret/x", ""},
		"empty":                  {"", "it is empty"},
		"one segment":            {"secret", "it needs a mount and a path below it, such as secret/data/app"},
		"parent":                 {"secret/data/team-a/../team-b/db", `it has a ".." segment; write "secret/data/team-b/db"`},
		"parent beyond the root": {"secret/data/../../../../sys/health", `it has a ".." segment; write "sys/health"`},
		"self":                   {"secret/./data/x", `it has a "." segment; write "secret/data/x"`},
		"empty segment":          {"secret//data/x", `it has an empty segment (//); write "secret/data/x"`},
		"leading slash":          {"/secret/data/x", `it starts with a slash; write "secret/data/x"`},
		"trailing slash":         {"secret/data/x/", `it ends with a slash; write "secret/data/x"`},
		"API prefix":             {"v1/secret/data/x", `it starts with the API prefix v1/; write "secret/data/x"`},
		"percent encoding":       {"secret/data/%2e%2e/x", `segment "%2e%2e" has a character outside A-Z a-z 0-9 _ . @ : = ~ -`},
		"query":                  {"secret/data/x?list=true", `segment "x?list=true" has a character outside A-Z a-z 0-9 _ . @ : = ~ -`},
		"fragment":               {"secret/data/x#y", `segment "x#y" has a character outside A-Z a-z 0-9 _ . @ : = ~ -`},
		"HTML entity":            {"secret&#x2F;data/x", `segment "secret&#x2F;data" has a character outside A-Z a-z 0-9 _ . @ : = ~ -`},
		"backslash":              {`secret/data\x`, `segment "data\\x" has a character outside A-Z a-z 0-9 _ . @ : = ~ -`},
		"NUL":                    {"secret/data/x\x00", `segment "x\x00" has a character outside A-Z a-z 0-9 _ . @ : = ~ -`},
		"trailing space":         {"secret/data/x ", `segment "x " has a character outside A-Z a-z 0-9 _ . @ : = ~ -`},
		"look-alike letter":      {"secret/dаta/x", `segment "dаta" has a character outside A-Z a-z 0-9 _ . @ : = ~ -`},
		"too long":               {"secret/" + strings.Repeat("x", 512), "it is longer than 512 bytes"},
		"too deep":               {strings.TrimSuffix(strings.Repeat("x/", 33), "/"), "it has more than 32 segments"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			want := tc.want
			if want != "" {
				want = "not a canonical Vault path: " + want
			}
			if got := PathProblem(tc.path); got != want {
				t.Errorf("PathProblem(%q)\n got %q\nwant %q", tc.path, got, want)
			}
		})
	}
}

func TestSplitVersion(t *testing.T) {
	tests := map[string]struct {
		key, path string
		version   int
	}{
		"none":          {"secret/data/x", "secret/data/x", 0},
		"pinned":        {"secret/data/x?version=12", "secret/data/x", 12},
		"zero":          {"secret/data/x?version=0", "secret/data/x?version=0", 0},
		"negative":      {"secret/data/x?version=-1", "secret/data/x?version=-1", 0},
		"leading zero":  {"secret/data/x?version=01", "secret/data/x?version=01", 0},
		"plus":          {"secret/data/x?version=+1", "secret/data/x?version=+1", 0},
		"not a number":  {"secret/data/x?version=a", "secret/data/x?version=a", 0},
		"more to it":    {"secret/data/x?version=1&list=true", "secret/data/x?version=1&list=true", 0},
		"twice":         {"secret/data/x?version=1?version=2", "secret/data/x?version=1?version=2", 0},
		"another query": {"secret/data/x?list=true", "secret/data/x?list=true", 0},
		"overflow":      {"secret/data/x?version=99999999999999999999", "secret/data/x?version=99999999999999999999", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p, version := SplitVersion(tc.key)
			if p != tc.path || version != tc.version {
				t.Errorf("SplitVersion(%q) = %q, %d; want %q, %d", tc.key, p, version, tc.path, tc.version)
			}
		})
	}
}

// FuzzSplitVersion: a version is parsed off only where writing it back gives
// the key again, so that two keys never are one read, and what is left holds no
// query of that kind.
func FuzzSplitVersion(f *testing.F) {
	f.Fuzz(func(t *testing.T, key string) {
		p, version := SplitVersion(key)
		switch {
		case version == 0 && p != key:
			t.Errorf("%q: no version, but the path is %q", key, p)
		case version < 0, version > 0 && p+"?version="+strconv.Itoa(version) != key:
			t.Errorf("%q: path %q and version %d", key, p, version)
		}
	})
}

// FuzzPathProblem: a canonical path is one that no cleaning changes, and the
// suggestion for another is canonical.
func FuzzPathProblem(f *testing.F) {
	f.Fuzz(func(t *testing.T, p string) {
		problem := PathProblem(p)
		if problem == "" && (path.Clean(p) != p || path.Join("/v1", p) != "/v1/"+p || strings.ContainsAny(p, "%?#\\ \x00")) {
			t.Errorf("%q passes, but would not be sent as it is", p)
		}
		if _, suggestion, found := strings.Cut(problem, "; write \""); found {
			if suggestion = strings.TrimSuffix(suggestion, "\""); PathProblem(suggestion) != "" {
				t.Errorf("%q: the suggestion %q is refused too", p, suggestion)
			}
		}
	})
}
