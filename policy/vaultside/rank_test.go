package vaultside

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// vaultReads answers as Vault's documentation says: of all patterns that match,
// the one of the highest priority counts. test/differential asks Vault itself.
// https://developer.hashicorp.com/vault/docs/concepts/policies#priority-matching
func vaultReads(paths []Path, path string) bool {
	var matching []Path
	for _, one := range paths {
		if parsePattern(one.Pattern).covers(parsePattern(path)) {
			matching = append(matching, one)
		}
	}
	if len(matching) == 0 {
		return false
	}
	return !slices.MaxFunc(matching, func(a, b Path) int { return comparePriority(a.Pattern, b.Pattern) }).Deny
}

func comparePriority(a, b string) int {
	return cmp.Or(
		cmp.Compare(firstWildcard(a), firstWildcard(b)),
		-compareBools(strings.HasSuffix(a, "*"), strings.HasSuffix(b, "*")),
		-cmp.Compare(strings.Count(a, "+"), strings.Count(b, "+")),
		cmp.Compare(len(a), len(b)),
		cmp.Compare(a, b),
	)
}

func firstWildcard(pattern string) int {
	if at := strings.IndexAny(pattern, "+*"); at >= 0 {
		return at
	}
	return len(pattern) + 1
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// mayRead is what is wanted: one tenant is allowed it and not denied it.
func mayRead(tenants []tenant, path string) bool {
	p := parsePattern(path)
	return slices.ContainsFunc(tenants, func(t tenant) bool { return coveredByAny(t.allow, p) && !coveredByAny(t.deny, p) })
}

// FuzzACL: whatever tenants are allowed and denied, Vault lets their role read
// the union, and nothing else. Letters stand for patterns, see tenantsOf.
func FuzzACL(f *testing.F) {
	f.Add("a*")
	f.Add("*-+b*")
	f.Add("++*-ab;+a*-b+;*-a+b")
	f.Add("+*-ab*;+++b")
	f.Fuzz(func(t *testing.T, text string) {
		tenants := tenantsOf(text)
		acl, err := newACL(tenants)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range everyPath() {
			if got, want := vaultReads(acl, path), mayRead(tenants, path); got != want {
				t.Fatalf("%s: Vault %t, policy %t\n%s", path, got, want, show(acl))
			}
		}
	})
}

// tenantsOf reads a policy of a fuzzer: "ab*" is allowed m/a/b/*, "-+b" is
// denied m/+/b, a space begins another pattern, ";" another tenant.
func tenantsOf(text string) []tenant {
	tenants := []tenant{{}}
	var segments []string
	deny := false
	flush := func() {
		last := &tenants[len(tenants)-1]
		if len(segments) > 0 && deny {
			last.deny = append(last.deny, parsePattern("m/"+strings.Join(segments, "/")))
		} else if len(segments) > 0 {
			last.allow = append(last.allow, parsePattern("m/"+strings.Join(segments, "/")))
		}
		segments, deny = nil, false
	}
	for _, c := range text[:min(len(text), 60)] {
		switch {
		case c == '-' || c == ' ' || c == ';' || len(segments) == 5:
			flush()
			deny = c == '-'
			if c == ';' {
				tenants = append(tenants, tenant{})
			}
		case c == '*':
			segments = append(segments, "*")
			flush()
		case c == '+':
			segments = append(segments, "+")
		default:
			segments = append(segments, string('a'+c%2))
		}
	}
	flush()
	return tenants
}

// everyPath has each of up to six segments of three words, of which "z" is in
// no pattern.
func everyPath() []string {
	all, level := []string{}, []string{"m"}
	for range 6 {
		var next []string
		for _, path := range level {
			next = append(next, path+"/a", path+"/b", path+"/z")
		}
		all, level = append(all, next...), next
	}
	return all
}
