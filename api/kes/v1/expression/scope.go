package expression

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// maxWork bounds the bytes that the expressions of one object read and make:
// some tenths of a second.
const maxWork = 16 << 20

// Scope is what the expressions of one object may use: its values, and work.
type Scope struct {
	values map[string][]byte
	object *object
	work   int
}

// NewScope makes values, by their keys in the Secret, available as data.
func NewScope(values map[string][]byte) *Scope { return &Scope{values: values} }

// data has the values as text.
func (s *Scope) data() *object {
	if s.object != nil {
		return s.object
	}
	s.object = newObject()
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		var value any = binary{}
		if utf8.Valid(s.values[key]) {
			value = string(s.values[key])
		}
		s.object.set(key, value)
	}
	return s.object
}

// spend accounts for text of n bytes.
func (s *Scope) spend(n int) error {
	if n > maxText {
		return errors.New(tooLong)
	}
	if s.work += n; s.work > maxWork {
		return fmt.Errorf("the expressions of the object handle more than %d MiB of text", maxWork>>20)
	}
	return nil
}

const tooLong = "the text is longer than 1 MiB, which no Secret holds"
