package v1

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

// Render makes the content of the Secret. All values are there, or there are
// errors and no content. Later values win: dataFrom, dataFromWithOptions,
// data; the template never replaces a value but by stringData.
func (e *ExternalSecret) Render(values api.Values) (*api.Content, field.ErrorList) {
	template, errs := e.template()
	data := map[string][]byte{}
	spec := field.NewPath("spec")
	for i, key := range e.Spec.DataFrom {
		errs = append(errs, e.spread(data, values, key, spec.Child("dataFrom").Index(i))...)
	}
	for i := range e.Spec.DataFromWithOptions {
		at := spec.Child("dataFromWithOptions").Index(i).Child("key")
		errs = append(errs, e.spread(data, values, e.Spec.DataFromWithOptions[i].Key, at)...)
	}
	for i := range e.Spec.Data {
		errs = append(errs, e.pick(data, values, &e.Spec.Data[i], spec.Child("data").Index(i))...)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	if len(data) == 0 && len(values) > 0 {
		return nil, field.ErrorList{field.Required(spec, "the secret has no field; a Secret is not emptied")}
	}
	content, errs := template.content(data)
	if len(errs) > 0 {
		return nil, errs
	}
	if err := checkSize(content, spec); err != nil {
		return nil, field.ErrorList{err}
	}
	return content, nil
}

// spread takes all top-level fields of one secret.
func (e *ExternalSecret) spread(data map[string][]byte, values api.Values, key string, at *field.Path) field.ErrorList {
	object, err := e.unwrap(values, key, at)
	if err != nil {
		return field.ErrorList{err}
	}
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value := object[name]
		if problems := validation.IsConfigMapKey(name); len(problems) > 0 {
			errs = append(errs, field.Invalid(at, key, fmt.Sprintf("field %q cannot be a key of a Secret: %s", name, problems[0])))
			continue
		}
		encoded, err := encode(value)
		if err != nil {
			errs = append(errs, field.Invalid(at, key, err.Error()))
		}
		data[name] = encoded
	}
	return errs
}

// pick takes one value of one secret.
func (e *ExternalSecret) pick(data map[string][]byte, values api.Values, item *DataItem, at *field.Path) field.ErrorList {
	object, fieldErr := e.unwrap(values, item.Key, at.Child("key"))
	if fieldErr != nil {
		return field.ErrorList{fieldErr}
	}
	var value any = object
	if item.Property != nil {
		found, ok := lookUp(object, *item.Property)
		if !ok {
			return field.ErrorList{field.Invalid(at.Child("property"), *item.Property,
				fmt.Sprintf("no such field in %q", item.Key))}
		}
		value = found
	}
	encoded, err := encode(value)
	if err != nil {
		return field.ErrorList{field.Invalid(at.Child("key"), item.Key, err.Error())}
	}
	if _, isText := value.(string); isText && item.IsBinary {
		if encoded, err = base64.StdEncoding.DecodeString(string(encoded)); err != nil {
			// The decoder's error tells the position and never the text.
			return field.ErrorList{field.Invalid(at.Child("isBinary"), true, "the value is not base64: "+err.Error())}
		}
	}
	data[item.Name] = encoded
	return nil
}

// unwrap takes the secret out of Vault's answer, and notices an answer of the
// other version of the KV engine instead of rendering nonsense.
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
func (e *ExternalSecret) unwrap(values api.Values, key string, at *field.Path) (map[string]any, *field.Error) {
	answer, ok := values[addressOf(key)]
	if !ok {
		return nil, field.NotFound(at, key)
	}
	if e.Spec.KVVersion == 1 {
		if looksLikeV2(answer) {
			return nil, field.Invalid(field.NewPath("spec", "kvVersion"), 1,
				fmt.Sprintf("%q is answered by a KV v2 engine; write kvVersion: 2, or leave it out", key))
		}
		return answer, nil
	}
	if !looksLikeV2(answer) {
		return nil, field.Invalid(field.NewPath("spec", "kvVersion"), 2,
			fmt.Sprintf("%q is not answered by a KV v2 engine; write kvVersion: 1", key))
	}
	object, ok := answer["data"].(map[string]any)
	if !ok {
		return nil, field.Invalid(at, key, "this version of the secret is deleted")
	}
	return object, nil
}

// looksLikeV2 recognizes the envelope of KV v2: data, and metadata with a
// version and a creation time.
func looksLikeV2(answer map[string]any) bool {
	_, hasData := answer["data"]
	metadata, _ := answer["metadata"].(map[string]any)
	return hasData && len(answer) == 2 && metadata["version"] != nil && metadata["created_time"] != nil
}

func checkSize(content *api.Content, at *field.Path) *field.Error {
	if total := content.DataBytes(); total > api.MaxSecretBytes {
		return field.Invalid(at, fmt.Sprintf("%d bytes", total), "a Secret holds at most 1 MiB of data")
	}
	return nil
}
