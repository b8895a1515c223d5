package v1

import (
	"errors"
	"fmt"
	"regexp"
)

// maxRegular bounds an expression and what it replaces by: each of many keys is
// compared.
const maxRegular = 1024

func compileRegular(expression string) (*regexp.Regexp, error) {
	if len(expression) > maxRegular {
		return nil, fmt.Errorf("longer than %d bytes", maxRegular)
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return nil, errors.New("no regular expression of Go")
	}
	return compiled, nil
}
