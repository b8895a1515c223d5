package template

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The examples of https://external-secrets.io/latest/guides/templating/, and
// what text/template says of the cases between them.
func TestExecute(t *testing.T) {
	values := map[string]string{
		"user":          "grafana",
		"password":      "s3cret",
		"dburl":         "postgres://db:5432/app",
		"service-token": "t0ken",
		"uri":           "oci://registry",
		"json":          `{"cert":"QUJD","port":5432,"tags":["a","b"]}`,
		"binary":        "\xff\x00\xfe",
	}
	tests := map[string]struct{ text, want string }{
		"empty":                    {"", ""},
		"text":                     {"admin", "admin"},
		"key":                      {"{{ .password }}", "s3cret"},
		"key with a dash":          {`{{ index . "service-token" }}`, "t0ken"},
		"multiline":                {"url: http://localhost\nuser: \"{{ .user }}\"\npassword: \"{{ .password }}\"\n", "url: http://localhost\nuser: \"grafana\"\npassword: \"s3cret\"\n"},
		"replace":                  {`{{ .dburl | replace "postgres://" "postgresql://" }}`, "postgresql://db:5432/app"},
		"bytes are kept":           {"{{ .binary }}", "\xff\x00\xfe"},
		"toString, of engine v1":   {"{{ .token | toString | upper }}", "T"},
		"if":                       {`{{- if hasPrefix "oci://" .uri }}enableOCI: true{{- else }}enableOCI: false{{- end }}`, "enableOCI: true"},
		"else":                     {`{{- if hasPrefix "s3://" .uri }}enableOCI: true{{- else }}enableOCI: false{{- end }}`, "enableOCI: false"},
		"JSON of a value":          {`{{ $json := .json | fromJson }}{{ $json.cert }} {{ $json.port }} {{ index $json.tags 1 }}`, "QUJD 5432 b"},
		"range over all, in order": {`{{- range $key, $value := . }}{{ $key }} {{ end }}`, "binary dburl json password service-token token uri user "},
		"range over a number":      {`{{ range 3 }}{{ . }}{{ end }}`, "012"},
		"break and continue":       {`{{ range until 9 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}`, "02"},
		"range over nothing":       {`{{ range list }}x{{ else }}none{{ end }}`, "none"},
		"with":                     {`{{ with .user }}{{ . }}{{ $.password }}{{ end }}`, "grafanas3cret"},
		"define":                   {`{{ define "line" }}[{{ . }}]{{ end }}{{ template "line" .user }}{{ template "line" }}`, "[grafana][<no value>]"},
		"block":                    {`{{ block "part" . }}{{ .user }}{{ end }}`, "grafana"},
		"variable":                 {`{{ $x := "a" }}{{ $x = print $x "b" }}{{ $x }}`, "ab"},
		"nested calls":             {`{{ (upper (trim (printf " %s " .user))) | quote }}`, `"GRAFANA"`},
		"nothing of a list":        {`{{ first (list) }}`, "<no value>"},
		"a null":                   {`{{ fromJson "null" }}`, "<no value>"},
		"whole data":               {`{{ pick (fromJson .json) "cert" "port" }}`, "map[cert:QUJD port:5432]"},
		"method":                   {`{{ (toDate "2006-01-02" "2026-11-25").Year }}`, "2026"},
		"escaped for Helm":         {"{{ `{{ .mysecret }}` }}", "{{ .mysecret }}"},
		"comment":                  {"a{{/* no value */}}b", "ab"},
		"and, or, not":             {`{{ and .user .password }}{{ or "" "x" }}{{ not true }}`, "s3cretxfalse"},
		"auth of ingress-nginx": {
			`{{- $creds := list }}{{- range $user, $pw := dict "u1" "p1" "u2" "p2" }}{{- $creds = append $creds (printf "%s" (htpasswd $user $pw "sha")) }}{{- end }}auth: {{ $creds | join "\n" | quote }}`,
			`auth: "u1:{SHA}t49XZhHsBvlq88plTCIXKl10bEA=\nu2:{SHA}xf2WHJ9zepVaMIBQBi56LDTuZ8M="`,
		},
	}
	values["token"] = "t"
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, execute(t, tc.text, values)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A rewrite's template asks for .value, and a key that it does not have is no
// error.
func TestParseTransform(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"value":   {"secrets/{{ .value | upper }}", "secrets/USERNAME"},
		"missing": {"{{ .other }}", "<no value>"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			template, err := ParseTransform("transform", tc.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := template.Execute(NewBudget(), map[string]string{"value": "username"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// One template serves many at once, each with a budget of its own.
func TestExecuteAtOnce(t *testing.T) {
	template, err := Parse("key", `{{ range until 20000 }}{{ . | int64 }}{{ end }}{{ .user }}`)
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			output, err := template.Execute(NewBudget(), map[string]string{"user": "me"})
			if err != nil || !strings.HasSuffix(string(output), "me") {
				t.Errorf("%d bytes, error %v", len(output), err)
			}
		})
	}
	done.Wait()
}

func TestNow(t *testing.T) {
	got := execute(t, `{{ now | unixEpoch }} {{ (now).UTC.Format "2006" }}`, nil)
	epoch, year, _ := strings.Cut(got, " ")
	if len(epoch) != 10 || year != time.Now().UTC().Format("2006") {
		t.Error(got)
	}
}

// An empty text is a value, and not none.
func TestEmptyOutput(t *testing.T) {
	template, err := Parse("key", `{{ "" }}`)
	if err != nil {
		t.Fatal(err)
	}
	if output, err := template.Execute(NewBudget(), nil); err != nil || output == nil {
		t.Errorf("%v, error %v", output, err)
	}
}

func execute(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	template, err := Parse("key", text)
	if err != nil {
		t.Fatal(err)
	}
	output, err := template.Execute(NewBudget(), values)
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}

// refused is the error of a template that must fail, parsed or executed.
func refused(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	template, err := Parse("key", text)
	if err != nil {
		return err.Error()
	}
	output, err := template.Execute(NewBudget(), values)
	if err == nil {
		t.Fatalf("no error but %d bytes", len(output))
	}
	return err.Error()
}
