package v1

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/countersign/countersign/api"
)

// from executes templates that stand elsewhere.
func (f *filling) from(ctx context.Context, t *TemplateFrom, at *field.Path) error {
	if t.ConfigMap != nil {
		ref := api.DataRef{ConfigMap: true, Namespace: f.namespace, Name: t.ConfigMap.Name}
		if err := f.fromData(ctx, t, ref, t.ConfigMap.Items, at.Child("configMap")); err != nil {
			return err
		}
	}
	if t.Secret != nil {
		ref := api.DataRef{Namespace: f.namespace, Name: t.Secret.Name}
		if err := f.fromData(ctx, t, ref, t.Secret.Items, at.Child("secret")); err != nil {
			return err
		}
	}
	if t.Literal != nil {
		return f.keysAndValues(t, *t.Literal, at.Child("literal"))
	}
	return nil
}

func (f *filling) fromData(ctx context.Context, t *TemplateFrom, ref api.DataRef, items []TemplateItem, at *field.Path) error {
	data, err := f.data(ctx, ref)
	if errors.Is(err, api.ErrNothing) {
		return wrong(field.NotFound(at.Child("name"), ref.Name))
	}
	if err != nil {
		return err
	}
	for i, item := range items {
		text, ok := data[item.Key]
		if !ok {
			return wrong(field.NotFound(at.Child("items").Index(i).Child("key"), item.Key))
		}
		if err := f.item(t, item, string(text), at.Child("items").Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (f *filling) item(t *TemplateFrom, item TemplateItem, text string, at *field.Path) error {
	if cmp.Or(item.TemplateAs, onlyValues) == keysAndValues {
		return f.keysAndValues(t, text, at)
	}
	return f.each(map[string]string{item.Key: text}, t.target(), t.ValuesDecodingStrategy, at)
}

// keysAndValues executes a template that makes YAML of keys and texts.
func (f *filling) keysAndValues(t *TemplateFrom, text string, at *field.Path) error {
	made, err := f.execute(text, at)
	if err != nil {
		return err
	}
	var values map[string]string
	if yaml.Unmarshal(made, &values) != nil {
		// The decoder's error may quote a value, as a key may be one.
		return wrong(field.Invalid(at, "", "what it makes is no YAML of keys and texts"))
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := f.put(t.target(), key, []byte(values[key]), t.ValuesDecodingStrategy, at); err != nil {
			return err
		}
	}
	return nil
}

// target is in lower case: ESO takes any.
func (t *TemplateFrom) target() string { return cmp.Or(strings.ToLower(t.Target), targetData) }

// problems is what can never be made of it.
func (t *TemplateFrom) problems(at *field.Path) field.ErrorList {
	var problems field.ErrorList
	if known := []string{targetData, targetLabels, targetAnnotations}; !slices.Contains(known, t.target()) {
		problems = append(problems, field.Invalid(at.Child("target"), t.Target, "a Secret has Data, Labels and Annotations; write one of them"))
	}
	if t.Literal != nil {
		problems = append(problems, templateProblems(*t.Literal, at.Child("literal"))...)
	}
	problems = append(problems, decodingProblems(at.Child("valuesDecodingStrategy"), t.ValuesDecodingStrategy)...)
	problems = append(problems, t.ConfigMap.problems(at.Child("configMap"))...)
	return append(problems, t.Secret.problems(at.Child("secret"))...)
}

func (r *TemplateRef) problems(at *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	problems := nameProblems(r.Name, at.Child("name"))
	for i, item := range r.Items {
		problems = append(problems, oneOf(at.Child("items").Index(i).Child("templateAs"), item.TemplateAs, onlyValues, keysAndValues)...)
	}
	return problems
}
