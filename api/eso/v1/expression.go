package v1

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
)

// Bounds of an expression. Some make much of little: each stage of
// [@this,@this]|[@this,@this] doubles the document, and there is one process for
// everybody.
const (
	maxExpression = 1024
	maxEvaluated  = 64 << 20
)

// evaluate answers what a GJSON expression makes of a document.
// https://github.com/tidwall/gjson/blob/master/SYNTAX.md
func evaluate(document []byte, expression string) (text []byte, found bool, err error) {
	switch {
	case len(expression) > maxExpression:
		return nil, false, fmt.Errorf("longer than %d bytes", maxExpression)
	case makesMore(expression):
		return nil, false, errors.New("@dig, @group and @pretty are not offered, as they make much of little; name the fields")
	case !isBounded(len(document), expression):
		return nil, false, errors.New("it may make more than a Secret holds; name the fields")
	}
	result := gjson.GetBytes(document, expression)
	return []byte(result.String()), result.Exists(), nil
}

// makesMore reports a modifier whose result grows faster than the document.
func makesMore(expression string) bool {
	return regexp.MustCompile(`@(dig|group|pretty)\b`).MatchString(expression)
}

// isBounded estimates a result from above: an object or a list that is built
// repeats the document for each of its parts, and @tostr escapes it.
func isBounded(size int, expression string) bool {
	for range strings.Count(expression, "[") + strings.Count(expression, "{") {
		if size *= len(expression); size > maxEvaluated {
			return false
		}
	}
	for range strings.Count(expression, "@tostr") {
		if size *= 8; size > maxEvaluated {
			return false
		}
	}
	return true
}
