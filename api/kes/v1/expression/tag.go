package expression

import "strings"

// tag is one expression of a template.
type tag struct {
	kind kind
	// start and end include the delimiters, from and to do not.
	start, end, from, to int
}

type kind int

const (
	statement    kind = iota // <% %>
	interpolated             // <%= %> and ${ }
	escaped                  // <%- %>
)

// splitter finds the tags that the regular expressions of lodash's _.template
// find (reEscape, reInterpolate, reEsTemplate and reEvaluate, in this order),
// in one pass: what is not closed is no tag but text.
// https://github.com/lodash/lodash/blob/4.17.21/lodash.js#L14800
type splitter struct {
	text                 string
	lastClose, lastBrace int
	// blocked is where no ${ before it finds its brace.
	blocked int
}

func newSplitter(text string) *splitter {
	return &splitter{text: text, lastClose: strings.LastIndex(text, "%>"), lastBrace: strings.LastIndexByte(text, '}')}
}

// next is the first tag that starts at or after an offset.
func (s *splitter) next(at int) (tag, bool) {
	for ; at < len(s.text); at++ {
		skip := strings.IndexAny(s.text[at:], "<$")
		if skip < 0 {
			break
		}
		at += skip
		if found, ok := s.tagAt(at); ok {
			return found, true
		}
	}
	return tag{}, false
}

func (s *splitter) tagAt(at int) (tag, bool) {
	rest := s.text[at:]
	if strings.HasPrefix(rest, "${") {
		return s.braces(at)
	}
	openings := []struct {
		text string
		kind kind
	}{{"<%-", escaped}, {"<%=", interpolated}, {"<%", statement}}
	for _, opening := range openings {
		from := at + len(opening.text)
		// At least one character stands between the delimiters.
		if strings.HasPrefix(rest, opening.text) && from+1 <= s.lastClose {
			to := from + 1 + strings.Index(s.text[from+1:], "%>")
			return tag{opening.kind, at, to + len("%>"), from, to}, true
		}
	}
	return tag{}, false
}

// braces reads ${ } up to the first brace that no backslash escapes. A
// backslash before a line break is none of it.
func (s *splitter) braces(at int) (tag, bool) {
	from := at + len("${")
	if from > s.lastBrace || at < s.blocked {
		return tag{}, false
	}
	for i := from; i < len(s.text); i++ {
		switch s.text[i] {
		case '}':
			return tag{interpolated, at, i + 1, from, i}, true
		case '\\':
			i++
			if startsLine(s.text[i:]) {
				s.blocked = i
				return tag{}, false
			}
		}
	}
	s.blocked = len(s.text)
	return tag{}, false
}

// startsLine reports one of JavaScript's line terminators.
func startsLine(text string) bool {
	for _, terminator := range []string{"\n", "\r", "\u2028", "\u2029"} {
		if strings.HasPrefix(text, terminator) {
			return true
		}
	}
	return false
}
