package template

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// refusal is a reason that is told: it is a text of this package.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	failed         refusal = "fails on what it is given"
	exhausted      refusal = "does more than a template may"
	tooLong        refusal = "the text, or the number of its actions, is larger than a template's may be"
	tooLarge       refusal = "is given or makes more than a template may hold (2 MiB, 100,000 entries)"
	tooDeep        refusal = "is given or makes a value that is nested too deep"
	nestedTooDeep  refusal = "templates call each other too deep"
	outputTooLarge refusal = "the output is larger than a Secret"
	stopped        refusal = "stops the template"
)

// callError is a function that failed.
type callError struct {
	function string
	reason   refusal
}

func (e *callError) Error() string { return e.function + " " + string(e.reason) }

// reasonOf leaves the texts of libraries out, for they quote what they fail on.
func reasonOf(err error) refusal {
	if reason, told := errors.AsType[refusal](err); told {
		return reason
	}
	return failed
}

// position is a place in the text; a zero is not known.
type position struct{ line, column int }

func newError(name string, at position, function string, reason refusal) error {
	var text strings.Builder
	fmt.Fprintf(&text, "template %q", name)
	if at.line > 0 {
		fmt.Fprintf(&text, ", line %d", at.line)
	}
	if at.column > 0 {
		fmt.Fprintf(&text, ", column %d", at.column)
	}
	text.WriteString(": ")
	if function != "" {
		text.WriteString(function + " ")
	}
	text.WriteString(string(reason))
	return errors.New(text.String())
}

// positionOf reads what text/template puts before its errors.
func positionOf(text string) (position, string) {
	found := regexp.MustCompile(`(?s)^template: ` + root + `:(\d+):(?:(\d+):)? (.*)$`).FindStringSubmatch(text)
	if found == nil {
		return position{}, text
	}
	line, _ := strconv.Atoi(found[1])
	column, _ := strconv.Atoi(found[2])
	if found[2] != "" {
		column++ // text/template counts columns from 0.
	}
	return position{line: line, column: column}, found[3]
}

// kind is how text/template spells an error, and how it is told. What $1 and $2
// stand for are words of the template or types, as the pattern allows.
type kind struct{ pattern, told string }

func told(kinds []kind, text string) refusal {
	for _, kind := range kinds {
		pattern := regexp.MustCompile(kind.pattern)
		if found := pattern.FindStringSubmatchIndex(text); found != nil {
			return refusal(pattern.ExpandString(nil, kind.told, text, found))
		}
	}
	return "cannot be read or executed"
}

func syntaxError(name string, err error) error {
	at, text := positionOf(err.Error())
	for function, why := range removedFunctions() {
		if text == fmt.Sprintf("function %q not defined", function) {
			return newError(name, at, function, refusal("is not offered: "+why))
		}
	}
	return newError(name, at, "", told(syntaxKinds(), text))
}

func syntaxKinds() []kind {
	return []kind{
		{`^function "([A-Za-z_][A-Za-z0-9_]{0,63})" not defined$`, `there is no function "$1"`},
		{`^undefined variable`, "a variable is used that is not declared"},
		{`^unclosed (action|comment|left paren)`, "unclosed $1"},
		{`^unterminated (raw quoted string|quoted string|character constant)`, "unterminated $1"},
		{`^unexpected EOF`, "the text ends before {{end}}"},
		{`^unexpected {{(end|else)}}`, "unexpected {{$1}}"},
		{`^{{(break|continue)}} outside {{range}}`, "{{$1}} outside {{range}}"},
		{`^missing value for`, "an action without a value"},
		{`multiple definition of template`, "a template is defined twice"},
		{`^bad number syntax`, "a number that is none"},
		{`max expression depth exceeded`, "parentheses are nested too deep"},
		{`.`, "syntax error"},
	}
}

func executionError(name string, err error) error {
	at, text := positionOf(err.Error())
	if call, is := errors.AsType[*callError](err); is {
		return newError(name, at, call.function, call.reason)
	}
	if reason, is := errors.AsType[refusal](err); is {
		return newError(name, at, "", reason)
	}
	_, text, _ = strings.Cut(text, ">: ")
	return newError(name, at, "", told(executionKinds(), text))
}

func executionKinds() []kind {
	const word, goType = `[A-Za-z_][A-Za-z0-9_]*`, `[A-Za-z0-9_.*\[\]{} ]+`
	return []kind{
		{`no entry for key "(` + word + `)"$`, `there is no key "$1"`},
		{`can't evaluate field`, "asks for a field of what has none"},
		{`nil pointer evaluating`, "asks for a field of nothing"},
		{`range can't iterate over`, "ranges over what is neither a list, a map nor a number"},
		{`wrong number of args for (` + word + `): want`, "$1 gets the wrong number of arguments"},
		{`wrong type for value; expected (` + goType + `); got (` + goType + `)$`, "an argument is of type $2, not $1"},
		{`invalid value; expected`, "an argument is nothing"},
		{`expected (string|integer|float|bool); found`, "an argument is no $1"},
		{`^error calling (` + word + `): `, "$1 " + string(failed)},
		{`can't give argument to non-function`, "gives an argument to what is no function"},
		{`^template ".*" not defined$`, "calls a template that is not defined"},
		{`.`, "cannot be executed"},
	}
}
