package v1

import (
	"errors"

	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// Ignored is a part of an object that has no say in what is asked of Vault. It
// is not kept. The tag "ignored" of the field has the reason.
type Ignored struct{}

// UnmarshalJSON takes anything.
func (*Ignored) UnmarshalJSON([]byte) error { return nil }

// MarshalJSON writes nothing down.
func (Ignored) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// decodeStrict decodes and returns the fields that the value does not know.
func decodeStrict(data []byte, into any) ([]string, error) {
	strictErrors, err := kjson.UnmarshalStrict(data, into, kjson.DisallowUnknownFields)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, err := range strictErrors {
		if fieldError, ok := errors.AsType[kjson.FieldError](err); ok {
			unknown = append(unknown, fieldError.FieldPath())
		}
	}
	return unknown, nil
}

func unknownProblems(unknown []string, at *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, name := range unknown {
		problems = append(problems, field.Forbidden(field.NewPath(at.String()+"."+name),
			"Countersign does not know this field, so it may name a Vault path or role; leave it out, or ask the operators of Countersign to update it"))
	}
	return problems
}
