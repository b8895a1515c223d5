package v1

import (
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Names that cannot be a Secret's keys become some.
func TestConversion(t *testing.T) {
	tests := map[string]struct{ strategy, names, want, problem string }{
		"left out":   {"", `a/b c`, `a_b_c`, ""},
		"default":    {"Default", `a/b-c.d_E9`, `a_b-c.d_E9`, ""},
		"Unicode":    {"Unicode", `a/b c`, `a_U002f_b_U0020_c`, ""},
		"far away":   {"Unicode", `a😀`, `a_U1f600_`, ""},
		"a surplus":  {"Default", `a😀`, `a_`, ""},
		"one letter": {"Default", `/`, `_`, ""},
	}
	for name, tc := range tests {
		t.Run(name, rendering{
			spec:  `"dataFrom": [{"extract": {"key": "k", "conversionStrategy": "` + tc.strategy + `"}}]`,
			vault: vaultOf{"secret/data/k": kv(`{"` + tc.names + `": "x"}`)}, want: map[string]string{tc.want: "x"},
		}.test)
	}
	testRenderings(t, map[string]rendering{
		"two become one": {spec: `"dataFrom": [{"extract": {"key": "k"}}]`, vault: vaultOf{"secret/data/k": kv(`{"a/b": "` + canary + `", "a_b": "y"}`)},
			err: `spec.dataFrom[0].extract.conversionStrategy: Invalid value: "": two fields become "a_b"; rewrite their keys`},
		"of data it says nothing": {spec: `"data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "a/b", "conversionStrategy": "Unicode"}}]`, vault: vaultOf{"secret/data/k": kv(`{"a/b": "x"}`)}, want: map[string]string{"a": "x"}},
		"too long": {spec: `"dataFrom": [{"extract": {"key": "k"}}]`, vault: vaultOf{"secret/data/k": kv(`{"` + strings.Repeat("k", 254) + `": "x"}`)},
			err: `spec.dataFrom[0]: Invalid value: "` + strings.Repeat("k", 254) + `": cannot be a key of a Secret; rewrite it to at most 253 letters, digits, '-', '.' and '_'`},
		"nothing is a name too": {spec: `"dataFrom": [{"extract": {"key": "k"}}]`, vault: vaultOf{"secret/data/k": kv(`{"": "x", "a": "y"}`)}, want: map[string]string{"a": "y"}},
	})
}

// Whatever a name is, what it becomes has only letters that ESO lets through;
// what is a key already stays.
func FuzzConversion(f *testing.F) {
	for _, name := range []string{"a", "a/b", "ä", "..", "a😀b", "\xff", ""} {
		f.Add("Default", name)
		f.Add("Unicode", name)
	}
	f.Fuzz(func(t *testing.T, strategy, name string) {
		key := convertKey(strategy, name)
		if len(validation.IsConfigMapKey(name)) == 0 && key != name {
			t.Errorf("%q became %q", name, key)
		}
		if (strategy == "Default" || strategy == "Unicode") && strings.ContainsFunc(key, isNoKeyLetter) {
			t.Errorf("%q became %q", name, key)
		}
		if strategy == "Default" && utf8.RuneCountInString(key) != utf8.RuneCountInString(name) {
			t.Errorf("%q became %q, of another length", name, key)
		}
	})
}
