package template

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const canary = "c4n4ry hunter2"

// An error says where and why, and never holds a value.
func TestErrors(t *testing.T) {
	values := map[string]string{"secret": canary, "json": `{"` + canary + `":["` + canary + `"]}`}
	tests := map[string]struct{ text, want string }{
		"missing key":         {"a\n {{ .missing }}", `template "key", line 2, column 5: there is no key "missing"`},
		"missing in JSON":     {"{{ (fromJson .json).missing }}", `template "key", line 1, column 5: there is no key "missing"`},
		"field of a text":     {"{{ .secret.field }}", `template "key", line 1, column 11: asks for a field of what has none`},
		"range over a text":   {"{{ range .secret }}{{ end }}", `template "key", line 1, column 10: ranges over what is neither a list, a map nor a number`},
		"index of a text":     {`{{ index .secret "x" }}`, `template "key", line 1, column 4: index fails on what it is given`},
		"fail":                {"{{ fail .secret }}", `template "key", line 1, column 4: fail stops the template`},
		"fail within a call":  {"{{ upper (fail .secret) }}", `template "key", line 1, column 11: fail stops the template`},
		"JSON":                {"{{ mustFromJson .secret }}", `template "key", line 1, column 4: mustFromJson fails on what it is given`},
		"URL":                 {`{{ urlParse (print ":" .secret) }}`, `template "key", line 1, column 4: urlParse fails on what it is given`},
		"date":                {`{{ mustToDate "2006" .secret }}`, `template "key", line 1, column 4: mustToDate fails on what it is given`},
		"semver":              {`{{ semver .secret }}`, `template "key", line 1, column 4: semver fails on what it is given`},
		"panic":               {`{{ decryptAES .secret "AAAA" }}`, `template "key", line 1, column 4: decryptAES fails on what it is given`},
		"regex":               {`{{ regexFind (print "(" .secret) "a" }}`, `template "key", line 1, column 4: regexFind fails on what it is given`},
		"wrong type":          {`{{ upper (fromJson .json) }}`, `template "key", line 1, column 11: an argument is of type map[string]interface {}, not string`},
		"wrong number":        {`{{ upper .secret "b" }}`, `template "key", line 1, column 4: upper gets the wrong number of arguments`},
		"no argument":         {`{{ upper (index (dict) "x") }}`, `template "key", line 1, column 11: an argument is nothing`},
		"constant":            {`{{ upper 5 }}`, `template "key", line 1, column 10: an argument is no string`},
		"comparison":          {`{{ eq .secret 5 }}`, `template "key", line 1, column 4: eq fails on what it is given`},
		"no such template":    {`{{ template "x" . }}`, `template "key", line 1, column 13: calls a template that is not defined`},
		"argument of a text":  {`{{ .secret 5 }}`, `template "key", line 1, column 4: cannot be executed`},
		"PEM":                 {`{{ filterPEM "CERTIFICATE" .secret }}`, `template "key", line 1, column 4: filterPEM finds no PEM block where one is due`},
		"JWK":                 {`{{ jwkPublicKeyPem .secret }}`, `template "key", line 1, column 4: jwkPublicKeyPem fails on what it is given`},
		"JWK, private":        {`{{ jwkPrivateKeyPem .secret }}`, `template "key", line 1, column 4: jwkPrivateKeyPem fails on what it is given`},
		"archive":             {`{{ pkcs12key .secret }}`, `template "key", line 1, column 4: pkcs12key fails on what it is given`},
		"archive, password":   {`{{ pkcs12certPass .secret .secret }}`, `template "key", line 1, column 4: pkcs12certPass fails on what it is given`},
		"within a definition": {"{{ define \"a\" }}\n{{ .x }}{{ end }}{{ template \"a\" (dict \"y\" .secret) }}", `template "key", line 2, column 4: there is no key "x"`},

		// What the parser does not take.
		"literal in a bad place": {`{{ if }}` + canary, `template "key", line 1: an action without a value`},
		"unclosed action":        {"{{ .secret", `template "key", line 1: unclosed action`},
		"unclosed text":          {"{{ \"" + canary, `template "key", line 1: unterminated quoted string`},
		"unclosed raw text":      {"{{ `" + canary, `template "key", line 1: unterminated raw quoted string`},
		"no end":                 {"{{ if true }}" + canary, `template "key", line 1: the text ends before {{end}}`},
		"end":                    {"\n{{ end }}", `template "key", line 2: unexpected {{end}}`},
		"undeclared variable":    {"{{ $hunter2 }}", `template "key", line 1: a variable is used that is not declared`},
		"break":                  {"{{ break }}", `template "key", line 1: {{break}} outside {{range}}`},
		"bad character":          {"{{ upper \"" + canary + "\" # }}", `template "key", line 1: syntax error`},
		"operand":                {"{{ \"a\" | \"" + canary + "\" }}", `template "key", line 1: syntax error`},
		"bad number":             {"{{ 12hunter2 }}", `template "key", line 1: a number that is none`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := refused(t, tc.text, values)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("holds a value: %s", got)
			}
		})
	}
}

// No function tells what it fails on: each is given the canary in all places.
func TestNoFunctionTellsAValue(t *testing.T) {
	for name := range functions() {
		for args := range 6 {
			text := "{{ " + name + strings.Repeat(" .secret", args) + " }}"
			template, err := Parse("key", text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if _, err := template.Execute(NewBudget(), map[string]string{"secret": canary}); err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s holds a value: %v", text, err)
			}
		}
	}
}
