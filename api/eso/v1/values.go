package v1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api/eso/v1/template"
)

// value is that of an entry of data.
func (d *DataItem) value(ctx context.Context, from source, at *field.Path) ([]byte, error) {
	at = at.Child("remoteRef")
	found, err := d.RemoteRef.read(ctx, from, at)
	if err != nil {
		return nil, err
	}
	decoded, err := decodeValue(d.RemoteRef.DecodingStrategy, found)
	if err != nil {
		return nil, wrong(field.Invalid(at.Child("decodingStrategy"), d.RemoteRef.DecodingStrategy, err.Error()))
	}
	return decoded, d.RemoteRef.nullBytes(decoded, at)
}

// values are those of an entry of dataFrom, by key.
func (d *DataFromItem) values(ctx context.Context, from source, budget *template.Budget, at *field.Path) (map[string][]byte, error) {
	if d.Find != nil {
		found, err := d.Find.values(ctx, from, at.Child("find"))
		if err != nil {
			return nil, err
		}
		return d.finish(found, &d.Find.Strategies, budget, at, at.Child("find"))
	}
	if d.Extract == nil {
		return nil, wrong(field.Required(at, "write extract or find"))
	}
	found, err := d.Extract.fields(ctx, from, at.Child("extract"))
	if err != nil {
		return nil, err
	}
	return d.finish(found, &d.Extract.Strategies, budget, at, at.Child("extract"))
}

// finish gives values their keys, and decodes them.
func (d *DataFromItem) finish(found map[string][]byte, how *Strategies, budget *template.Budget, at, strategies *field.Path) (map[string][]byte, error) {
	var err error
	if len(d.Rewrite) > 0 {
		found, err = rewrite(d.Rewrite, found, budget, at.Child("rewrite"))
	} else {
		found, err = convertKeys(how.ConversionStrategy, found, strategies)
	}
	if err != nil {
		return nil, err
	}
	// To rewrite a key to nothing is to leave the value out.
	delete(found, "")
	if err := checkKeys(found, at); err != nil {
		return nil, err
	}
	decoded := map[string][]byte{}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if decoded[key], err = decodeValue(how.DecodingStrategy, found[key]); err != nil {
			return nil, wrong(field.Invalid(strategies.Child("decodingStrategy"), how.DecodingStrategy, "field "+key+": "+err.Error()))
		}
		if err := how.nullBytes(decoded[key], strategies); err != nil {
			return nil, err
		}
	}
	return decoded, nil
}

// fields are those of the object that a reference means.
func (r *RemoteRef) fields(ctx context.Context, from source, at *field.Path) (map[string][]byte, error) {
	text, err := r.read(ctx, from, at)
	if err != nil {
		return nil, err
	}
	object, err := decodeObject(text)
	if err != nil {
		return nil, wrong(field.Invalid(at, r.Key, "no JSON object, so that it has no fields; take it under data"))
	}
	values := map[string][]byte{}
	for name, value := range object {
		if values[name], err = textOfPlain(plainNumbers(value)); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// nullBytes refuses a value that no text has where the object says so.
func (s *Strategies) nullBytes(value []byte, at *field.Path) error {
	if s.NullBytePolicy == "Fail" && bytes.IndexByte(value, 0) >= 0 {
		return wrong(field.Invalid(at.Child("nullBytePolicy"), s.NullBytePolicy, "the value has null bytes; store it as text, or leave the policy out"))
	}
	return nil
}

// decodeObject keeps numbers as they are written.
func decodeObject(text []byte) (map[string]any, error) {
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return object, nil
}
