package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	maxPropertyBytes = 1024
	maxPropertySteps = 64
)

// propertyProblems refuses what can never find a value.
func propertyProblems(property string, at *field.Path) field.ErrorList {
	switch {
	case property == "":
		return field.ErrorList{field.Invalid(at, "", "name a field, or leave property out for the whole secret")}
	case len(property) > maxPropertyBytes:
		return field.ErrorList{field.TooLong(at, "", maxPropertyBytes)}
	}
	return nil
}

// lookUp finds a property in a secret: a field of exactly that name wins, then
// it is read as a path in the syntax that users of kubernetes-external-secrets
// wrote (lodash's): db.users[0].name, labels["a.b"].
func lookUp(object map[string]any, property string) (any, bool) {
	if value, ok := object[property]; ok {
		return value, true
	}
	steps, err := parseProperty(property)
	if err != nil {
		return nil, false
	}
	var at any = object
	for _, step := range steps {
		next, ok := stepInto(at, step)
		if !ok {
			return nil, false
		}
		at = next
	}
	return at, true
}

func stepInto(value any, step string) (any, bool) {
	switch value := value.(type) {
	case map[string]any:
		next, ok := value[step]
		return next, ok
	case []any:
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(value) || strconv.Itoa(i) != step {
			return nil, false
		}
		return value[i], true
	}
	return nil, false
}

// parseProperty splits a path into its steps. What lodash would read in a way
// that nobody expects is an error: a property finds what it found, or nothing.
func parseProperty(property string) ([]string, error) {
	var steps []string
	rest := property
	for rest != "" {
		if len(steps) == maxPropertySteps {
			return nil, fmt.Errorf("more than %d steps", maxPropertySteps)
		}
		step, tail, err := leadingStep(rest, len(steps) == 0)
		if err != nil {
			return nil, err
		}
		steps, rest = append(steps, step), tail
	}
	if len(steps) == 0 {
		return nil, errors.New("the property is empty")
	}
	return steps, nil
}

// leadingStep takes one "name", ".name", "[0]", ["name"] or .["name"] off the
// front.
func leadingStep(s string, first bool) (step, rest string, err error) {
	if bracket, ok := strings.CutPrefix(s, ".["); ok && !first {
		return bracketStep("[" + bracket)
	}
	if s[0] == '[' {
		return bracketStep(s)
	}
	if !first {
		if s[0] != '.' {
			return "", "", fmt.Errorf("expected . or [ before %q", s)
		}
		s = s[1:]
	}
	end := strings.IndexAny(s, ".[]")
	if end < 0 {
		end = len(s)
	}
	if end == 0 {
		return "", "", errors.New("an empty name between dots")
	}
	return s[:end], s[end:], nil
}

func bracketStep(s string) (step, rest string, err error) {
	if len(s) > 1 && (s[1] == '"' || s[1] == '\'') {
		quote := s[1:2]
		inner, rest, found := strings.Cut(s[2:], quote+"]")
		if !found || strings.ContainsAny(inner, quote+`\`) {
			return "", "", errors.New("a quote in brackets is not closed, or holds a quote or a backslash")
		}
		return inner, rest, nil
	}
	inner, rest, found := strings.Cut(s[1:], "]")
	if !found || inner == "" || strings.ContainsAny(inner, `.["'`) {
		return "", "", errors.New("a bracket is empty or not closed, or holds what needs quotes")
	}
	return inner, rest, nil
}

// encode is the text of a value in a Secret: strings as they are, numbers and
// booleans as JSON writes them, anything else as compact JSON.
func encode(value any) ([]byte, error) {
	if text, ok := value.(string); ok {
		return []byte(text), nil
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, errors.New("the value cannot be written as JSON")
	}
	return []byte(strings.TrimSuffix(out.String(), "\n")), nil
}
