package api

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// An event's note has at most 1024 bytes, and is text.
func TestBounded(t *testing.T) {
	for name, message := range map[string]string{"short": "denied", "long": strings.Repeat("x", 2000), "cut within a letter": strings.Repeat("é", 1000)} {
		t.Run(name, func(t *testing.T) {
			got := Bounded(message)
			if len(got) > 1024 || !utf8.ValidString(got) || !strings.HasPrefix(message, strings.TrimSuffix(got, "...")) {
				t.Errorf("%d bytes: %q", len(got), got)
			}
		})
	}
}
