package expression

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// fault is what is wrong at a place of a template. It never holds a value.
type fault struct {
	offset  int
	message string
}

func (f *fault) Error() string { return f.message }

// located puts line and column before a fault's message.
func located(text string, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	before := text[:f.offset]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return fmt.Errorf("%d:%d: %w", line, column, f)
}
