package vaultside

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tenantOf reads "a b -c w:d rw:e": what is allowed to be read, to be written
// and both, and what is denied.
func tenantOf(text string) tenant {
	var t tenant
	for word := range strings.FieldsSeq(text) {
		if denied, ok := strings.CutPrefix(word, "-"); ok {
			p := parsePattern(denied)
			p.fold = true
			t.deny = append(t.deny, p)
			continue
		}
		if both, ok := strings.CutPrefix(word, "rw:"); ok {
			t.read, word = append(t.read, parsePattern(both)), "w:"+both
		}
		if written, ok := strings.CutPrefix(word, "w:"); ok {
			t.write = append(t.write, parsePattern(written))
			continue
		}
		t.read = append(t.read, parsePattern(word))
	}
	return t
}

func show(paths []Path) string {
	words := make([]string, len(paths))
	for i, path := range paths {
		words[i] = map[access]string{{}: "-", {write: true}: "w:", {true, true}: "rw:"}[access{path.Read, path.Write}] + path.Pattern
	}
	return strings.Join(words, " ")
}

func TestACL(t *testing.T) {
	tests := map[string]struct {
		tenants []string
		want    string
	}{
		"nothing":                           {nil, ""},
		"sorted and once":                   {[]string{"m/b m/a m/b"}, "m/a m/b"},
		"union of tenants":                  {[]string{"m/a/*", "m/b/* m/+/c"}, "m/+/c m/a/* m/b/*"},
		"a wider pattern says it":           {[]string{"m/a/* m/a/b m/a/+/c"}, "m/a/*"},
		"deny that touches nothing":         {[]string{"m/a/* -m/b/* -n/+"}, "m/a/*"},
		"deny of the same":                  {[]string{"m/a -m/a"}, "-m/a"},
		"deny over all of it":               {[]string{"m/a/b -m/*"}, "-m/a/b"},
		"narrow deny":                       {[]string{"m/a/* -m/a/b"}, "m/a/* -m/a/b"},
		"broad deny over a narrow allow":    {[]string{"m/d/team/* -m/d/+/glass/*"}, "m/d/team/* -m/d/team/glass/*"},
		"cut of both":                       {[]string{"m/+/a/* -m/b/+/c"}, "m/+/a/* -m/b/a/c"},
		"more + than the allow":             {[]string{"m/* -m/+/glass/*"}, "m/+ m/+/* -m/+/glass/*"},
		"more + than the allow, twice":      {[]string{"m/* -m/+/+/glass/*"}, "m/+ m/+/+ m/+/+/* -m/+/+/glass/*"},
		"deny of a part that is divided":    {[]string{"m/* -m/+/+ -m/+/+/glass/*"}, "m/+ -m/+/+ m/+/+/* -m/+/+/glass/*"},
		"an allow with + is not divided":    {[]string{"m/+/* -m/+/glass/*"}, "m/+/* -m/+/glass/*"},
		"as the rule is spelt":              {[]string{"m/+/* -m/+/Glass/*"}, "m/+/* -m/+/Glass/*"},
		"as the allowed path is spelt":      {[]string{"m/Team/* -M/team/glass"}, "m/Team/* -m/Team/glass"},
		"denied to one, allowed to another": {[]string{"m/s/* -m/s/x/*", "m/s/*"}, "m/s/*"},
		"denied to both":                    {[]string{"m/s/* -m/s/x/*", "m/s/* -m/s/x/*"}, "m/s/* -m/s/x/*"},
		"denied to one and not the other's": {[]string{"m/a/* -m/+/x", "m/b/*"}, "m/a/* -m/a/x m/b/*"},
		"a part of it allowed to another":   {[]string{"m/s/* -m/s/x/*", "m/s/x/y"}, "m/s/* -m/s/x/* m/s/x/y"},
		"allowed within denied, by +":       {[]string{"m/+/* -m/s/x/*", "m/+/+/y"}, "m/+/* -m/s/x/* m/s/x/y"},
		"to be written":                     {[]string{"w:m/a/* rw:m/b"}, "w:m/a/* rw:m/b"},
		"written within what is read":       {[]string{"m/a/* w:m/a/out/*"}, "m/a/* rw:m/a/out/*"},
		"written by another":                {[]string{"m/a/*", "w:m/a/x"}, "m/a/* rw:m/a/x"},
		"written across what is read":       {[]string{"m/+/a w:m/b/+"}, "m/+/a w:m/b/+ rw:m/b/a"},
		"written, with more +":              {[]string{"m/* w:m/+/out/*"}, "m/+ m/+/* rw:m/+/out/*"},
		"denied within what is written":     {[]string{"rw:m/a/* -m/a/x"}, "rw:m/a/* -m/a/x"},
		"denied, and written by another":    {[]string{"m/a/* -m/a/x", "w:m/a/+"}, "m/a/* rw:m/a/+ w:m/a/x"},
		"each denied another part":          {[]string{"m/s/* -m/s/x/*", "m/s/* -m/s/+/y"}, "m/s/* -m/s/x/y"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var tenants []tenant
			for _, text := range tc.tenants {
				tenants = append(tenants, tenantOf(text))
			}
			paths, err := newACL(tenants)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, show(paths)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// One role for all namespaces, a deny rule for all, one for each: as large
// clusters have it.
func TestACLOfManyNamespaces(t *testing.T) {
	const namespaces = 5000
	var tenants []tenant
	for i := range namespaces {
		tenants = append(tenants, tenantOf(fmt.Sprintf("m/team-%[1]d/* m/shared/+/config -m/+/glass/* -m/team-%[1]d/x", i)))
	}
	paths, err := newACL(tenants)
	if err != nil {
		t.Fatal(err)
	}
	if want := 3*namespaces + 2; len(paths) != want {
		t.Errorf("%d paths, want %d", len(paths), want)
	}
}
