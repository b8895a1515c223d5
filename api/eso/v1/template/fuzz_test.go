package template

import (
	"strings"
	"testing"
)

// No text and no value ends the process or is told, and what is executed stays
// within the bounds. The corpus is in testdata/fuzz.
func FuzzExecute(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, value string) {
		const secret = "s3cr3t-c4n4ry"
		if strings.Contains(text, secret) {
			return
		}
		template, err := Parse("key", text)
		if err != nil {
			return
		}
		budget := NewBudget()
		budget.left /= 10 // A step of the fuzzer is short.
		output, err := template.Execute(budget, map[string]string{"value": value + secret, "plain": value})
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("an error holds a value: %v", err)
		}
		if len(output) > maxOutput {
			t.Errorf("%d bytes", len(output))
		}
	})
}

// No archive is read that takes longer than a guard allows.
func FuzzPKCS12(f *testing.F) {
	f.Fuzz(func(t *testing.T, archive []byte, password string) {
		template, err := Parse("key", `{{ pkcs12certPass .password .archive }}`)
		if err != nil {
			t.Fatal(err)
		}
		output, err := template.Execute(NewBudget(), map[string]string{"archive": string(archive), "password": password})
		if err == nil && !strings.Contains(string(output), "CERTIFICATE") {
			t.Errorf("neither a certificate nor an error: %q", output)
		}
	})
}
