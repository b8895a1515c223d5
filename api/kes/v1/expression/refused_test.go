package expression

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever KES ran beyond the allow-list, or might have run, is refused with
// its place. The messages are golden: users read them at kubectl apply.
func TestParseRefuses(t *testing.T) {
	notSupported := " is not supported; " + supported
	tests := map[string]struct{ template, want string }{
		"loop of the README":      {"a\n <% s2.arrKey.forEach((e, i) => { %>arr_<%= i %>", "2:2: statements in <% %> are not supported; " + supported},
		"variable of the README":  {"<% let s2 = JSON.parse(data.s2) %>", "1:1: statements in <% %> are not supported; " + supported},
		"Buffer of the README":    {`<%= Buffer.from(JSON.stringify(JSON.parse(data.s1).objKey)).toString("base64") %>`, "1:5: Buffer is not supported; write the key under stringData, which takes text that is not base64"},
		"replace of the README":   {`<%= JSON.parse(data.s1).objKey.strKey.replace(" ", "-") %>`, "1:5: this call" + notSupported},
		"concat of a text":        {`<%= "Hello".concat(data.secretData) %>`, "1:5: this call" + notSupported},
		"shell variable":          {"echo ${HOME}", `1:8: there is no "HOME", only data, JSON and yaml; write <%= "${" %> for a ${ that is text`},
		"the process":             {"<%= process.env.VAULT_TOKEN %>", `1:5: there is no "process", only data, JSON and yaml; write <%= "${" %> for a ${ that is text`},
		"a module":                {"<%= process.mainModule.require('fs') %>", `1:5: there is no "process", only data, JSON and yaml; write <%= "${" %> for a ${ that is text`},
		"the global object":       {"<%= this.data %>", "1:5: this" + notSupported},
		"lodash":                  {"<%= _.escape(data.a) %>", `1:5: there is no "_", only data, JSON and yaml; write <%= "${" %> for a ${ that is text`},
		"undefined":               {"<%= data.a === undefined %>", `1:16: there is no "undefined", only data, JSON and yaml; write <%= "${" %> for a ${ that is text`},
		"constructor":             {"<%= data.constructor.constructor('return 1')() %>", "1:5: this call" + notSupported},
		"function":                {"<%= function () { return 1 } %>", "1:5: a function or class" + notSupported},
		"class":                   {"<%= class {} %>", "1:5: a function or class" + notSupported},
		"arrow":                   {"<%= JSON.parse(data.a).map(x => x.y) %>", "1:30: functions are not supported, nor => in a text; " + supported},
		"arrow in a text":         {`<%= "a => b" %>`, "1:8: functions are not supported, nor => in a text; " + supported},
		"assignment":              {"<%= data.a = 1 %>", "1:5: an assignment" + notSupported},
		"increment":               {"<%= data.a++ %>", "1:5: ++" + notSupported},
		"minus":                   {"<%= -1 %>", "1:5: -" + notSupported},
		"typeof":                  {"<%= typeof data.a %>", "1:5: typeof" + notSupported},
		"new":                     {"<%= new Date() %>", "1:5: new" + notSupported},
		"regular expression":      {"<%= /a/ %>", "1:5: a regular expression" + notSupported},
		"object literal":          {"<%= {a: data.a} %>", "1:5: an object or list literal" + notSupported},
		"list literal":            {"<%= [data.a].length %>", "1:5: an object or list literal" + notSupported},
		"optional chain":          {"<%= data?.a %>", "1:5: ?." + notSupported},
		"comma":                   {"<%= data.a, data.b %>", "1:5: a comma" + notSupported},
		"spread":                  {"<%= JSON.parse(...data.a) %>", "1:19: this" + notSupported},
		"multiplication":          {"<%= 2 * 3 %>", "1:5: *" + notSupported},
		"in":                      {"<%= 'a' in data %>", "1:5: in" + notSupported},
		"tagged template":         {"<%= data.a`x` %>", "1:5: a tagged template" + notSupported},
		"await":                   {"<%= await data.a %>", "1:4: not one expression of JavaScript"},
		"JSON alone":              {"<%= JSON %>", "1:5: JSON without a call" + notSupported},
		"computed function":       {"<%= JSON['parse'](data.a) %>", "1:5: this call" + notSupported},
		"another function":        {"<%= yaml.safeLoad(data.a) %>", "1:5: this call" + notSupported},
		"reviver":                 {"<%= JSON.parse(data.a, null) %>", "1:5: this call with any but one argument" + notSupported},
		"no argument":             {"<%= yaml.load() %>", "1:5: this call with any but one argument" + notSupported},
		"options of yaml.dump":    {"<%= yaml.dump(data, {indent: 4}) %>", "1:5: this call with any but one argument" + notSupported},
		"replacer":                {"<%= JSON.stringify(data, data.a, 2) %>", "1:26: anything but null and a literal for an indentation" + notSupported},
		"computed indentation":    {"<%= JSON.stringify(data, null, data.a) %>", "1:26: anything but null and a literal for an indentation" + notSupported},
		"hexadecimal":             {"<%= 0x10 %>", "1:5: write the number in decimal"},
		"big integer":             {"<%= 10n %>", "1:5: write the number in decimal"},
		"unfinished":              {"a <%= data. %>", "1:6: not one expression of JavaScript"},
		"two expressions":         {"<%= data.a; data.b %>", "1:4: not one expression of JavaScript"},
		"statement":               {"<%= if (data.a) {} %>", "1:4: not one expression of JavaScript"},
		"out of the parentheses":  {"<%= data.a); (data.b %>", "1:4: not one expression of JavaScript"},
		"nothing":                 {"<%= %>", "1:4: not one expression of JavaScript"},
		"nothing in braces":       {"${}", "1:3: not one expression of JavaScript"},
		"a Helm leftover":         {"<%= {{ .Values.x }} %>", "1:4: not one expression of JavaScript"},
		"place after UTF-8":       {"é\r\n✓ <%= data.ü + x %>", `2:16: there is no "x", only data, JSON and yaml; write <%= "${" %> for a ${ that is text`},
		"deep in an expression":   {"<%= data.a ? `x${data.b || [new X]}` : 1 %>", "1:28: an object or list literal" + notSupported},
		"nested too deep":         {"<%= " + strings.Repeat("!", 101) + "data %>", "1:105: nested deeper than 100"},
		"functions in parameters": {"<%= " + strings.Repeat("(a=", 300) + "1" + strings.Repeat(")=>1", 300) + " %>", "1:907: functions are not supported, nor => in a text; " + supported},
		"too long":                {"a<%= '" + strings.Repeat("x", 4096) + "' %>", "1:2: an expression of more than 4096 bytes"},
		"too many":                {strings.Repeat("${1}\n", 257), "257:1: more than 256 expressions in one object"},
		"source map of a file":    {"<%= data.a\n//# sourceMappingURL=/etc/hostname\n+ x %>", `3:3: there is no "x", only data, JSON and yaml; write <%= "${" %> for a ${ that is text`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := new(Parser).Parse(tc.template)
			if diff := cmp.Diff(tc.want, fmt.Sprint(err)); diff != "" {
				t.Errorf("%s\n%s", tc.template, diff)
			}
		})
	}
}

// All templates of an object share the number of expressions.
func TestParserCountsExpressionsOfAllTemplates(t *testing.T) {
	parser := &Parser{}
	for range 2 {
		if _, err := parser.Parse(strings.Repeat("${1}", maxExpressions/2)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := parser.Parse("${1}"); err == nil {
		t.Error("one more passed")
	}
	if template, err := parser.Parse("text"); err != nil {
		t.Error(err)
	} else if text, ok := template.Literal(); text != "text" || !ok {
		t.Errorf("%q, %t", text, ok)
	}
}
