package policy

import (
	"fmt"
	"strings"
)

// Problem is what is wrong with a document, and where. An error keeps the
// document out of force; a warning is for whoever reviews it.
type Problem struct {
	// File is where the document was read from; empty for a live ConfigMap.
	File string `json:"file,omitempty"`
	// Source is the ConfigMap, Key the key within it.
	Source string `json:"source,omitempty"`
	Key    string `json:"key,omitempty"`
	// Line and Column start at 1 and count within the file, or the document
	// where there is none; 0 is unknown.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Message begins with the field that it is about.
	Message string `json:"message"`
	// Warning tells the two apart.
	Warning bool `json:"warning,omitempty"`
}

// String is "file:line:column: message", or "configmap[key]:line:column:
// message" for a live ConfigMap.
func (p Problem) String() string {
	var at strings.Builder
	switch {
	case p.File != "":
		at.WriteString(p.File)
	case p.Key != "":
		fmt.Fprintf(&at, "%s[%s]", p.Source, p.Key)
	default:
		at.WriteString(p.Source)
	}
	if p.Line > 0 {
		fmt.Fprintf(&at, ":%d:%d", p.Line, p.Column)
	}
	if p.Warning {
		at.WriteString(": warning")
	}
	return at.String() + ": " + p.Message
}

// Problems are in the order of their places.
type Problems []Problem

// Error has one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Errors are those that keep a document out of force.
func (p Problems) Errors() Problems { return p.kind(false) }

// Warnings are the others.
func (p Problems) Warnings() Problems { return p.kind(true) }

func (p Problems) kind(warning bool) Problems {
	var some Problems
	for _, problem := range p {
		if problem.Warning == warning {
			some = append(some, problem)
		}
	}
	return some
}

// Err is the errors among the problems as one; nil where there are none.
func (p Problems) Err() error {
	if errs := p.Errors(); len(errs) > 0 {
		return errs
	}
	return nil
}
