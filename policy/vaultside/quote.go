package vaultside

import (
	"encoding/json"
	"fmt"
	"strings"
)

// quoteHCL escapes what ends a string or begins a template.
// https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#template-expressions
func quoteHCL(text string) string {
	var quoted strings.Builder
	for _, r := range escapeTemplate(text) {
		switch {
		case r == '"' || r == '\\':
			quoted.WriteString("\\" + string(r))
		case r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029:
			fmt.Fprintf(&quoted, `\u%04x`, r)
		default:
			quoted.WriteRune(r)
		}
	}
	return `"` + quoted.String() + `"`
}

// escapeTemplate doubles the sign before a brace.
func escapeTemplate(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}

func quoteHCLList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quoteHCL(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quoteShell leaves plain words as they are.
func quoteShell(text string) string {
	isSpecial := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@,", r)
	}
	if text != "" && !strings.ContainsFunc(text, isSpecial) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// indentJSON has each value on a line of its own.
func indentJSON(value any) (string, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return text.String(), err
}
