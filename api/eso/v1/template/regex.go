package template

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

const maxPattern = 4 << 10

// regexGuards price a search by the length of the text times that of the
// compiled pattern, which x{1000} makes longer than it looks.
func regexGuards() map[string]guard {
	guards := map[string]guard{}
	for _, must := range []string{"regex", "mustRegex"} {
		for _, search := range []string{"Match", "Find", "FindAll", "Split"} {
			guards[must+search] = guardSearch
		}
		guards[must+"ReplaceAll"] = guardReplacement
		guards[must+"ReplaceAllLiteral"] = guardReplacement
	}
	return guards
}

func guardSearch(b *Budget, args []any) error {
	pattern, text := args[0].(string), args[1].(string)
	if len(pattern) > maxPattern {
		return tooLarge
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil //nolint:nilerr // the function itself says so
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil //nolint:nilerr // the function itself says so
	}
	return b.spend(len(program.Inst)>>6 + times(len(program.Inst), len(text))>>10)
}

// guardReplacement estimates the replaced text, with all that $1 stands for.
func guardReplacement(b *Budget, args []any) error {
	if err := guardSearch(b, args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(args[0].(string))
	if err != nil {
		return nil //nolint:nilerr // the function itself says so
	}
	text, replacement := args[1].(string), args[2].(string)
	matches := len(pattern.FindAllStringIndex(text, -1))
	if times(matches, len(replacement))+times(strings.Count(replacement, "$"), len(text)) > maxValue().bytes {
		return tooLarge
	}
	return nil
}
