package expression

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// canary stands in every value and may stand in no error.
const canary = "canary7f3a9c51"

// secrets are values whose readers fail in every way there is.
func secrets() map[string][]byte {
	values := map[string]string{
		"text":       canary,
		"json":       `{"` + canary + `":"` + canary + `","list":["` + canary + `"],"n":1,"none":null}`,
		"broken":     `{"` + canary + `": ` + canary + `}`,
		"short":      `["` + canary + `"`,
		"deep":       strings.Repeat("[", 101) + `"` + canary + `"` + strings.Repeat("]", 101),
		"deeper":     strings.Repeat("[", 10001),
		"yaml":       canary + ": 1\n" + canary + ": 2\n",
		"brokenYAML": "a: 1\nb: [" + canary + "\nc: " + canary,
		"anchor":     "a: *" + canary + "\n",
		"alias":      "a: &" + canary + " [x]\nb: *" + canary + "\n",
		"itself":     "a: &" + canary + " [*" + canary + "]\n",
		"merge":      "<<: {" + canary + ": 1}\n",
		"tag":        "a: !" + canary + " 1\n",
		"octal":      canary + ": 0o17\n",
		"date":       "a: 2021-09-25\n",
		"listKey":    "? [" + canary + "]\n: 1\n",
		"documents":  canary + "\n---\n" + canary + "\n",
		"comment":    "# " + canary,
		"deepYAML":   strings.Repeat("- ", 102) + canary,
		"badUTF8":    canary + "\xff",
		"large":      strings.Repeat(canary, maxYAML/len(canary)+1),
		"quotes":     strings.Repeat(`"`, 200_000),
		"many":       "[" + strings.Repeat("1,", maxWork/nodeWork) + "1]",
		"numbers":    "[" + strings.Repeat("1,", 100_000) + "1]",
	}
	data := map[string][]byte{}
	for key, value := range values {
		data[key] = []byte(value)
	}
	return data
}

// What cannot be rendered is told with its place and kind, and no value.
func TestRenderFails(t *testing.T) {
	tests := map[string]struct{ template, want string }{
		"no such key":               {"a\n <%= data.nope %>", `2:11: no such key "nope"`},
		"no such key in JSON":       {"<%= JSON.parse(data.json).nope %>", `1:27: no such key "nope"`},
		"no such computed key":      {"<%= JSON.parse(data.json)[data.text + 'x'] %>", "1:27: no such key"},
		"no such index":             {"<%= JSON.parse(data.json).list[7] %>", `1:32: no such key "7"`},
		"key of a missing key":      {"<%= data.nope.a %>", `1:10: no such key "nope"`},
		"key of text":               {"<%= data.text.a %>", "1:15: text has no keys; read it with JSON.parse or yaml.load"},
		"key of null":               {"<%= JSON.parse(data.json).none.a %>", "1:32: null has no keys"},
		"key of a number":           {"<%= JSON.parse(data.json).n.a %>", "1:29: a number has no keys"},
		"length of a list":          {"<%= JSON.parse(data.json).list.length %>", "1:32: a list has numbers for keys only"},
		"object for a key":          {"<%= data[JSON.parse(data.json)] %>", "1:10: a key must be text or a number"},
		"missing key in +":          {`<%= "a" + data.nope %>`, `1:16: no such key "nope"`},
		"missing key for a call":    {"<%= JSON.parse(data.nope) %>", `1:21: no such key "nope"`},
		"missing key of a choice":   {"<%= data.text ? data.nope : 1 %>", `1:22: no such key "nope"`},
		"null in +":                 {`<%= "a" + null %>`, "1:11: null is not text"},
		"null in a literal":         {"<%= `${null}` %>", "1:8: null is not text"},
		"object in +":               {`<%= "a" + JSON.parse(data.json) %>`, "1:11: an object is not text; write it with JSON.stringify or yaml.dump"},
		"object":                    {"<%= JSON.parse(data.json) %>", "1:4: an object is not text; write it with JSON.stringify or yaml.dump"},
		"list":                      {"<%- JSON.parse(data.json).list %>", "1:4: a list is not text; write it with JSON.stringify or yaml.dump"},
		"numbers are not added":     {"<%= 1 + JSON.parse(data.json).n %>", `1:5: + joins text and adds nothing up; for text begin with "" +`},
		"JSON of a number":          {"<%= JSON.parse(1) %>", "1:5: JSON.parse: it reads text, not a number"},
		"JSON that is none":         {"<%= JSON.parse(data.text) %>", "1:5: JSON.parse: malformed JSON at byte 1"},
		"JSON that is broken":       {"<%= JSON.parse(data.broken) %>", "1:5: JSON.parse: malformed JSON at byte 20"},
		"JSON that ends too early":  {"<%= JSON.parse(data.short) %>", "1:5: JSON.parse: malformed JSON at byte 17"},
		"JSON nested too deep":      {"<%= JSON.parse(data.deep) %>", "1:5: JSON.parse: nested deeper than 100"},
		"JSON nested far too deep":  {"<%= JSON.parse(data.deeper) %>", "1:5: JSON.parse: malformed JSON at byte 10001"},
		"YAML of an object":         {"<%= yaml.load(data) %>", "1:5: yaml.load: it reads text, not an object"},
		"YAML that is broken":       {"<%= yaml.load(data.brokenYAML) %>", "1:5: yaml.load: malformed YAML near line 1"},
		"YAML without the anchor":   {"<%= yaml.load(data.anchor) %>", "1:5: yaml.load: malformed YAML"},
		"YAML with an alias":        {"<%= yaml.load(data.alias) %>", "1:5: yaml.load: line 2: an alias is not supported"},
		"YAML that holds itself":    {"<%= yaml.load(data.itself) %>", "1:5: yaml.load: line 1: an alias is not supported"},
		"YAML with a merge key":     {"<%= yaml.load(data.merge) %>", "1:5: yaml.load: line 1: a key that is not text is not supported"},
		"YAML with a tag":           {"<%= yaml.load(data.tag) %>", "1:5: yaml.load: line 1: a tag is not supported"},
		"YAML with a key twice":     {"<%= yaml.load(data.yaml) %>", "1:5: yaml.load: line 2: a key that is there already is not supported"},
		"YAML with an octal number": {"<%= yaml.load(data.octal) %>", "1:5: yaml.load: line 1: a number that is not in decimal is not supported"},
		"YAML with a date":          {"<%= yaml.load(data.date) %>", "1:5: yaml.load: line 1: a value that is neither text, number, boolean nor null (quote a date) is not supported"},
		"YAML with a list as key":   {"<%= yaml.load(data.listKey) %>", "1:5: yaml.load: line 1: a key that is not text is not supported"},
		"YAML of two documents":     {"<%= yaml.load(data.documents) %>", "1:5: yaml.load: more than one YAML document"},
		"YAML of none":              {"<%= yaml.load(data.comment) %>", "1:5: yaml.load: there is no YAML in it"},
		"YAML nested too deep":      {"<%= yaml.load(data.deepYAML) %>", "1:5: yaml.load: nested deeper than 100"},
		"YAML that is too large":    {"<%= yaml.load(data.large) %>", "1:5: yaml.load: more than 256 KiB of YAML"},
		"not UTF-8":                 {"<%= data.badUTF8 %>", "1:10: the value is not text (UTF-8)"},
		"not UTF-8, only asked for": {"<%= data.badUTF8 ? 1 : 2 %>", "1:10: the value is not text (UTF-8)"},
		"not UTF-8 within data":     {"<%= JSON.stringify(data) %>", "1:5: JSON.stringify: the value is not text (UTF-8)"},
		"not UTF-8 within YAML":     {"<%= yaml.dump(data) %>", "1:5: yaml.dump: the value is not text (UTF-8)"},
		"text with a number":        {"<%= data.text == 1 %>", "1:5: text is compared with a number"},
		"texts in order":            {"<%= data.text < 'b' %>", "1:5: < compares numbers; JSON.parse makes one of text"},
		"objects":                   {"<%= JSON.parse(data.json) == data %>", "1:5: only text, numbers, booleans and null can be compared"},
		"missing key in order":      {"<%= data.nope > 1 %>", "1:5: > compares numbers; JSON.parse makes one of text"},
		"sum that is too long":      {strings.Repeat("<%= data.large %>", 5), "1:55: the text is longer than 1 MiB, which no Secret holds"},
		"literal that is too long":  {"<%= `" + strings.Repeat("${data.large}", 5) + "` %>", "1:47: the text is longer than 1 MiB, which no Secret holds"},
		"escaped, it is too long":   {"<%- data.quotes %>", "1:4: the text is longer than 1 MiB, which no Secret holds"},
		"JSON of too many values":   {"<%= JSON.parse(data.many) %>", "1:5: JSON.parse: the expressions of the object handle more than 16 MiB of text"},
		"too much JSON":             {strings.Repeat("<%= JSON.parse(data.numbers)[0] %>", 3), "1:73: JSON.parse: the expressions of the object handle more than 16 MiB of text"},
		"too much text":             {strings.Repeat("<%= data.large == data.large %>", 65), "1:1958: the expressions of the object handle more than 16 MiB of text"},
		"JSON indented too far":     {"<%= JSON.stringify(JSON.parse(data.numbers), null, 10) %>", "1:5: JSON.stringify: the text is longer than 1 MiB, which no Secret holds"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := new(Parser).Parse(tc.template)
			if err != nil {
				t.Fatal(err)
			}
			text, err := template.Render(NewScope(secrets()))
			if diff := cmp.Diff(tc.want, fmt.Sprint(err)); diff != "" {
				t.Errorf("%s\n%s", tc.template, diff)
			}
			if text != "" || strings.Contains(fmt.Sprint(err), canary) {
				t.Error("a value stands in the error, or beside it")
			}
		})
	}
}
