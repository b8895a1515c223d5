package vaultside

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign/countersign/policy"
)

func TestQuote(t *testing.T) {
	tests := map[string]struct{ text, hcl, shell string }{
		"plain":         {"reader", `"reader"`, `reader`},
		"empty":         {"", `""`, `''`},
		"path":          {"auth/k8s/role/a.b", `"auth/k8s/role/a.b"`, `auth/k8s/role/a.b`},
		"space":         {"a b", `"a b"`, `'a b'`},
		"quotes":        {`a"b'c`, `"a\"b'c"`, `'a"b'\''c'`},
		"backslash":     {`a\n`, `"a\\n"`, `'a\n'`},
		"interpolation": {"${file(\"x\")}", `"$${file(\"x\")}"`, `'${file("x")}'`},
		"directive":     {"%{if x}", `"%%{if x}"`, `'%{if x}'`},
		"no template":   {"$a%b{", `"$a%b{"`, `'$a%b{'`},
		"substitution":  {"$(id)`id`", "\"$(id)`id`\"", "'$(id)`id`'"},
		"newline":       {"a\nb", `"a\u000ab"`, "'a\nb'"},
		"control":       {"a\x00\x1b\u2028", `"a\u0000\u001b\u2028"`, "'a\x00\x1b\u2028'"},
		"other letters": {"käse", `"käse"`, `'käse'`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff([]string{tc.hcl, tc.shell}, []string{quoteHCL(tc.text), quoteShell(tc.text)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzQuoteHCL: what HCL reads is what was quoted, without a template in it.
func FuzzQuoteHCL(f *testing.F) {
	for _, text := range nasty() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := quoteHCL(text)
		inner := quoted[1 : len(quoted)-1]
		escapes := strings.NewReplacer("$${", "", "%%{", "")
		if rest := escapes.Replace(inner); strings.Contains(rest, "${") || strings.Contains(rest, "%{") {
			t.Errorf("%s begins a template", quoted)
		}
		// Of the escapes that quoteHCL uses, Go has the same.
		read, err := strconv.Unquote(`"` + strings.NewReplacer("$${", "${", "%%{", "%{").Replace(inner) + `"`)
		if err != nil {
			t.Fatalf("%s: %v", quoted, err)
		}
		if want := string([]rune(text)); read != want {
			t.Errorf("%q is read as %q", want, read)
		}
	})
}

// FuzzQuoteShell: a shell hands over what was quoted.
func FuzzQuoteShell(f *testing.F) {
	for _, text := range nasty() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsRune(text, 0) {
			t.Skip("no argument of a process has it")
		}
		output, err := shell(t.Context(), "printf %s "+quoteShell(text))
		if err != nil {
			t.Fatal(err)
		}
		if string(output) != text {
			t.Errorf("%q arrives as %q", text, output)
		}
	})
}

func shell(ctx context.Context, script string) ([]byte, error) {
	return exec.CommandContext(ctx, "sh", "-c", script).Output()
}

func nasty() []string {
	return []string{
		"", "a b", "it's", `"`, `\`, `\\"`, "${x}", "$${x}", "$$${x}", "%{x}", "%%{x}", "$", "%", "a\nEND\nb", "-rf", "$(id)", "`id`", "!!", "~", "*",
		"\x00", "\x7f", "\u2028", "\xff", "é", "#", ";", "&&", "<<EOT", "@file",
	}
}

// A script hands over names and settings as they are, whatever is in them, and
// nothing else is run.
func TestCommandsHandOverWhatTheyAreGiven(t *testing.T) {
	var names []string
	for _, name := range nasty() {
		if name != "" && utf8.ValidString(name) && !strings.ContainsRune(name, 0) {
			names = append(names, name)
		}
	}
	side := &Side{Vault: "a\nb", Revision: "r"}
	for _, name := range names {
		login := policy.Login{Vault: side.Vault, VaultNamespace: name, AuthMount: name, AuthMethod: policy.MethodKubernetes, Role: name}
		side.Roles = append(side.Roles, Role{
			Login: login, Policy: policyName(login), Paths: []Path{{Pattern: "secret/data/x"}},
			ServiceAccounts: []string{name}, Namespaces: []string{name}, Audience: name, TokenTTL: time.Minute,
		})
	}
	var want strings.Builder
	for i := range side.Roles {
		role := &side.Roles[i]
		body, err := role.body()
		if err != nil {
			t.Fatal(err)
		}
		name := names[i]
		fmt.Fprintf(&want, "<policy><write><-namespace=%s><%s><->\n%s", name, role.Policy, role.ACL())
		fmt.Fprintf(&want, "<write><-namespace=%s><auth/%s/role/%s><->\n%s", name, name, name, body)
	}
	script, err := side.Commands()
	if err != nil {
		t.Fatal(err)
	}
	recorder := "vault() { printf '<%s>' \"$@\"; echo; cat; }\n"
	got, err := shell(t.Context(), recorder+script)
	if err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestGoldenCommandsAreAScript(t *testing.T) {
	if output, err := exec.CommandContext(t.Context(), "sh", "-n", "testdata/side.sh.golden").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
