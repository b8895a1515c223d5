package v1

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/api/kes/v1/expression"
)

// secretTemplate is spec.template, decoded and checked: the parts of a Secret
// that a user may add to the generated one.
type secretTemplate struct {
	secretType          string
	labels, annotations map[string]string
	data, stringData    map[string]*expression.Template
	immutable           *bool
}

// content renders the template with the values and merges the values into it.
// They win over template data, and stringData over both, as the apiserver has
// it.
func (t *secretTemplate) content(values map[string][]byte) (*api.Content, field.ErrorList) {
	at := field.NewPath("spec", "template")
	scope := expression.NewScope(values)
	data, errs := rendered(t.data, scope, at.Child("data"))
	errs = append(errs, decodeBase64(data, at.Child("data"))...)
	stringData, more := rendered(t.stringData, scope, at.Child("stringData"))
	maps.Copy(data, values)
	maps.Copy(data, stringData)
	return &api.Content{
		Type: t.secretType, Labels: t.labels, Annotations: t.annotations,
		Data: data, Immutable: t.immutable,
	}, append(errs, more...)
}

func rendered(templates map[string]*expression.Template, scope *expression.Scope, at *field.Path) (map[string][]byte, field.ErrorList) {
	var errs field.ErrorList
	texts := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		text, err := templates[name].Render(scope)
		if err != nil {
			errs = append(errs, field.Invalid(at.Key(name), "", err.Error()))
			continue
		}
		texts[name] = []byte(text)
	}
	return texts, errs
}

func decodeBase64(data map[string][]byte, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(data)) {
		decoded, err := base64.StdEncoding.DecodeString(string(data[name]))
		if err != nil {
			errs = append(errs, field.Invalid(at.Key(name), "", "not base64; write plain text under stringData"))
		}
		data[name] = decoded
	}
	return errs
}

// template decodes spec.template field by field, so that each mistake is told
// with its place, and refuses what no ExternalSecret may render.
func (e *ExternalSecret) template() (*secretTemplate, field.ErrorList) {
	at := field.NewPath("spec", "template")
	reader := templateReader{}
	fields := map[string]any{}
	if e.Spec.Template != nil && len(e.Spec.Template.Raw) > 0 {
		if err := json.Unmarshal(e.Spec.Template.Raw, &fields); err != nil {
			reader.refuse(field.Invalid(at, "", "not an object"))
		}
	}
	t := &secretTemplate{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		reader.read(t, name, fields[name], at.Child(name))
	}
	t.secretType = cmp.Or(t.secretType, e.Spec.Type, string(corev1.SecretTypeOpaque))
	reader.checkType(t.secretType, at.Child("type"))
	return t, reader.errs
}
