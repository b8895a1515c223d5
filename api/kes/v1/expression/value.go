package expression

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// A value is a string, json.Number, bool, nil (null), *object, []any, absent
// or binary.

// object has its keys in the order in which they came, as JavaScript's have.
type object struct {
	keys   []string
	values map[string]any
}

func newObject() *object { return &object{values: map[string]any{}} }

func (o *object) set(key string, value any) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// absent is JavaScript's undefined, of a key that is not there. It can be asked
// for, as in data.x || "default". Where it is used, it is the fault that it
// carries.
type absent struct{ fault *fault }

// binary is a value of the Secret that is not text.
type binary struct{}

const notText = "the value is not text (UTF-8)"

// textOf is what a value adds to a text.
func textOf(value any) (string, error) {
	switch value := value.(type) {
	case string:
		return value, nil
	case json.Number:
		return value.String(), nil
	case bool:
		return strconv.FormatBool(value), nil
	case *object, []any:
		return "", fmt.Errorf("%s is not text; write it with JSON.stringify or yaml.dump", kindOf(value))
	case binary:
		return "", errors.New(notText)
	}
	return "", fmt.Errorf("%s is not text", kindOf(value))
}

func stringOf(value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", errors.New("it reads text, not " + kindOf(value))
	}
	return text, nil
}

func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "text"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	case *object:
		return "an object"
	case []any:
		return "a list"
	}
	return "null"
}

// truthy is what JavaScript takes for true.
func truthy(value any) bool {
	switch value := value.(type) {
	case string:
		return value != ""
	case json.Number:
		return float(value) != 0
	case bool:
		return value
	}
	return !nullish(value)
}

// nullish is null or undefined.
func nullish(value any) bool {
	_, isAbsent := value.(absent)
	return value == nil || isAbsent
}

// float is a number as JavaScript has it: too large a one is infinite.
func float(number json.Number) float64 {
	value, _ := number.Float64()
	return value
}
