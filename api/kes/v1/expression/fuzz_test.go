package expression

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzRender: every template is parsed and rendered to an end, without a panic,
// within the bounds of text and work, and no error holds a value.
func FuzzRender(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, value string) {
		if strings.Contains(text, canary) || !utf8.ValidString(text) {
			return
		}
		template, err := new(Parser).Parse(text)
		if err != nil {
			return
		}
		quoted, err := json.Marshal(map[string]any{"a": canary + value, "list": []any{canary, 1, nil, true}})
		if err != nil {
			t.Fatal(err)
		}
		scope := NewScope(map[string][]byte{
			"a": []byte(canary + value), "json": quoted, "own": []byte(value), "yaml": []byte(canary + ": [" + value + "]\n"),
		})
		out, err := template.Render(scope)
		if err != nil && (strings.Contains(err.Error(), canary) || out != "") {
			t.Errorf("%q leaves %q and %v", text, out, err)
		}
		if len(out) > maxText || scope.work > maxWork+maxText {
			t.Errorf("%q: %d bytes, %d work", text, len(out), scope.work)
		}
		if literal, ok := template.Literal(); ok && (out != literal || out != text) {
			t.Errorf("%q has become %q", text, out)
		}
	})
}

// FuzzSplitter: the tags are those that lodash's regular expressions find.
func FuzzSplitter(f *testing.F) {
	lodash := regexp.MustCompile(`<%-([\s\S]+?)%>|<%=([\s\S]+?)%>|\$\{([^\\}]*(?:\\[^\n\r\x{2028}\x{2029}][^\\}]*)*)\}|<%([\s\S]+?)%>`)
	kinds := []kind{escaped, interpolated, interpolated, statement}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		splitter, at := newSplitter(text), 0
		for _, match := range lodash.FindAllStringSubmatchIndex(text, -1) {
			want := tag{start: match[0], end: match[1]}
			for i, kind := range kinds {
				if from := match[2*i+2]; from >= 0 {
					want.kind, want.from, want.to = kind, from, match[2*i+3]
				}
			}
			got, ok := splitter.next(at)
			if !ok || got != want {
				t.Fatalf("%q: %+v, %t; want %+v", text, got, ok, want)
			}
			at = got.end
		}
		if got, ok := splitter.next(at); ok {
			t.Errorf("%q: %+v is none", text, got)
		}
	})
}

// FuzzJSON: what is parsed and written again, with or without an indentation,
// is the same JSON; what is no JSON is refused.
func FuzzJSON(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, indent string) {
		if !utf8.ValidString(text) {
			return
		}
		value, err := parseJSON(NewScope(nil), text)
		if err != nil {
			if json.Valid([]byte(text)) && !strings.HasPrefix(err.Error(), "nested") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, space := range []string{"", strings.Repeat(" ", len(indent)%11)} {
			written, err := stringifier(space)(NewScope(nil), value)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if got, want := decoded(t, written.(string)), decoded(t, text); !reflect.DeepEqual(got, want) {
				t.Errorf("%q has become %q", text, written)
			}
		}
	})
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

// finite reports that all numbers are in the range that YAML takes for numbers.
func finite(value any) bool {
	switch value := value.(type) {
	case json.Number:
		return !math.IsInf(float(value), 0)
	case *object:
		return finite(slices.Collect(maps.Values(value.values)))
	case []any:
		return !slices.ContainsFunc(value, func(item any) bool { return !finite(item) })
	}
	return true
}

// FuzzYAML: what JSON can say is the same after yaml.dump and yaml.load, and
// any text is loaded or refused.
func FuzzYAML(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		value, err := parseJSON(NewScope(nil), text)
		if err != nil {
			value, err = loadYAML(NewScope(nil), text)
		}
		if err != nil || !finite(value) {
			return
		}
		dumped, err := dumpYAML(NewScope(nil), value)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		loaded, err := loadYAML(NewScope(nil), dumped)
		if err != nil || !reflect.DeepEqual(value, loaded) {
			t.Errorf("%q is dumped as %q and loaded as %v, %v", text, dumped, loaded, err)
		}
	})
}
