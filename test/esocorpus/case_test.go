package esocorpus

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A case that says what no reader of it would expect is refused.
func TestCasesAreStrict(t *testing.T) {
	const (
		object = "about: x\nobjects: [{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: app}}]\n"
		want   = "want: {secrets: {app: {data: {a: b}}}}\n"
	)
	texts := map[string]string{
		"ok":               object + want,
		"own mount":        object + want + "vault: {mine/app: {data: {a: b}}}",
		"unknown field":    object + want + "wants: {}",
		"twice":            object + want + want,
		"no object":        "about: x\nobjects: []\n" + want,
		"no about":         strings.Replace(object, "about: x", "about: ''", 1) + want,
		"another's secret": object + want + "vault: {secret/other/app: {data: {a: b}}}",
		"another's prefix": object + want + "then: [{about: later, gone: [secret/mineral/app], want: {}}]",
		"no difference":    object + want + "differs: {because: z}",
	}
	got := map[string]string{}
	for name, text := range texts {
		parsed, err := parse([]byte(text))
		if err == nil {
			parsed.Name = "mine"
			err = parsed.check()
		}
		if err != nil {
			got[name] = err.Error()
		}
	}
	if diff := cmp.Diff(map[string]string{
		"unknown field":    `json: unknown field "wants"`,
		"twice":            "yaml: unmarshal errors:\n  line 4: key \"want\" already set in map",
		"no object":        "no ExternalSecret",
		"no about":         "no about",
		"another's secret": "secret/other/app: another case may hold that",
		"another's prefix": "secret/mineral/app: another case may hold that",
		"no difference":    "differs needs because, and one of refused, unread and want",
	}, got); diff != "" {
		t.Error(diff)
	}
}
