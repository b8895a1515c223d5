package policy

import (
	"cmp"
	"strings"
)

// compareFields orders field paths as people read them: data[2] before
// data[10].
func compareFields(a, b string) int {
	for a != "" && b != "" {
		chunkA, restA := leadingChunk(a)
		chunkB, restB := leadingChunk(b)
		if c := compareChunks(chunkA, chunkB); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return cmp.Compare(len(a), len(b))
}

// leadingChunk splits off a run of digits or of anything else.
func leadingChunk(s string) (chunk, rest string) {
	digits := isDigit(s[0])
	for i := range len(s) {
		if isDigit(s[i]) != digits {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func compareChunks(a, b string) int {
	if isDigit(a[0]) && isDigit(b[0]) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if c := cmp.Compare(len(a), len(b)); c != 0 {
			return c
		}
	}
	return cmp.Compare(a, b)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
