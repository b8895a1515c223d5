package vaultside

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// vaultOpens answers as Vault's documentation says: of all patterns that match,
// the one of the highest priority counts. test/differential asks Vault itself.
// https://developer.hashicorp.com/vault/docs/concepts/policies#priority-matching
func vaultOpens(paths []Path, path string) access {
	var matching []Path
	for _, one := range paths {
		if parsePattern(one.Pattern).covers(parsePattern(path)) {
			matching = append(matching, one)
		}
	}
	if len(matching) == 0 {
		return access{}
	}
	first := slices.MaxFunc(matching, func(a, b Path) int { return comparePriority(a.Pattern, b.Pattern) })
	return access{first.Read, first.Write}
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

// opens is what is wanted: one tenant is allowed it and not denied it.
func opens(tenants []tenant, path string) access {
	p := parsePattern(path)
	one := func(kind func(tenant) []pattern) bool {
		return slices.ContainsFunc(tenants, func(t tenant) bool { return coveredByAny(kind(t), p) && !coveredByAny(t.deny, p) })
	}
	return access{one(func(t tenant) []pattern { return t.read }), one(func(t tenant) []pattern { return t.write })}
}

// FuzzACL: whatever tenants are allowed and denied, Vault lets their role do
// the union, and nothing else. Letters stand for patterns, see tenantsOf.
func FuzzACL(f *testing.F) {
	f.Add("a*")
	f.Add("*-+b*")
	f.Add("++*-ab;+a*-b+;*-a+b")
	f.Add("+*-ab*;+++b")
	f.Add("a*^a+b*~+b")
	f.Add("*~+b*-ab;^++a")
	f.Add("++*~a+a*^+b*-aba;~*-+a")
	f.Fuzz(func(t *testing.T, text string) {
		tenants := tenantsOf(text)
		acl, err := newACL(tenants)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range everyPath() {
			if got, want := vaultOpens(acl, path), opens(tenants, path); got != want {
				t.Fatalf("%s: Vault %+v, policy %+v\n%s", path, got, want, show(acl))
			}
		}
	})
}

// tenantsOf reads a policy of a fuzzer: "ab*" is allowed m/a/b/*, "-+b" is
// denied m/+/b, "~a" may be written and "^a" also read, a space begins another
// pattern, ";" another tenant.
func tenantsOf(text string) []tenant {
	tenants := []tenant{{}}
	var segments []string
	kind := ' '
	flush := func() {
		last := &tenants[len(tenants)-1]
		p := parsePattern("m/" + strings.Join(segments, "/"))
		if len(segments) > 0 && kind == '-' {
			last.deny = append(last.deny, p)
		} else if len(segments) > 0 {
			if kind != '~' {
				last.read = append(last.read, p)
			}
			if kind != ' ' {
				last.write = append(last.write, p)
			}
		}
		segments, kind = nil, ' '
	}
	for _, c := range text[:min(len(text), 60)] {
		switch {
		case strings.ContainsRune("-~^ ;", c) || len(segments) == 5:
			flush()
			if strings.ContainsRune("-~^", c) {
				kind = c
			}
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
