package v1

import (
	"context"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/api/eso/v1/template"
)

// content is what the values become: they themselves, with the labels and
// annotations of the object, where there is no template.
func (e *ExternalSecret) content(ctx context.Context, values map[string][]byte, data dataReader, budget *template.Budget) (*api.Content, error) {
	content := &api.Content{Data: map[string][]byte{}}
	target := &e.Spec.Target
	if target.Immutable {
		content.Immutable = new(true)
	}
	if !target.creation().Merges() {
		content.Type = string(corev1.SecretTypeOpaque)
	}
	if target.Template == nil {
		maps.Copy(content.Data, values)
		content.Labels, content.Annotations = shared(e.Labels), shared(e.Annotations)
		return content, nil
	}
	if target.Template.Type != "" {
		content.Type = target.Template.Type
	}
	filling := &filling{
		content: content, namespace: e.Namespace, data: data,
		budget: budget, values: texts(values), at: specPath().Child("target", "template"),
	}
	return content, filling.fill(ctx, target.Template, values)
}

// shared are the labels or annotations that the Secret has in common with the
// object: all that are not about the object itself.
func shared(own map[string]string) map[string]string {
	common := map[string]string{}
	for key, value := range own {
		if !strings.HasPrefix(key, api.ReservedPrefix) && key != corev1.LastAppliedConfigAnnotation {
			common[key] = value
		}
	}
	return common
}

func texts(values map[string][]byte) map[string]string {
	all := make(map[string]string, len(values))
	for key, value := range values {
		all[key] = string(value)
	}
	return all
}

// filling executes the templates of one object.
type filling struct {
	content   *api.Content
	namespace string
	data      dataReader
	budget    *template.Budget
	values    map[string]string
	at        *field.Path
	held      held
}

// fill executes what is nearest to the object last: that wins.
func (f *filling) fill(ctx context.Context, t *Template, values map[string][]byte) error {
	if t.MergePolicy == policyMerge || len(t.Data) == 0 && len(t.TemplateFrom) == 0 {
		maps.Copy(f.content.Data, values)
	}
	f.content.Labels, f.content.Annotations = map[string]string{}, map[string]string{}
	for i := range t.TemplateFrom {
		if err := f.from(ctx, &t.TemplateFrom[i], f.at.Child("templateFrom").Index(i)); err != nil {
			return err
		}
	}
	metadata := f.at.Child("metadata")
	for _, step := range []struct {
		templates map[string]string
		target    string
		at        *field.Path
	}{
		{t.Data, targetData, f.at.Child("data")},
		{t.Metadata.Labels, targetLabels, metadata.Child("labels")},
		{t.Metadata.Annotations, targetAnnotations, metadata.Child("annotations")},
	} {
		if err := f.each(step.templates, step.target, "", step.at); err != nil {
			return err
		}
	}
	return nil
}

// each executes templates by their keys.
func (f *filling) each(templates map[string]string, target, decoding string, at *field.Path) error {
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		text, err := f.execute(templates[key], at.Key(key))
		if err != nil {
			return err
		}
		if err := f.put(target, key, text, decoding, at.Key(key)); err != nil {
			return err
		}
	}
	return nil
}

func (f *filling) execute(text string, at *field.Path) ([]byte, error) {
	parsed, err := template.Parse("template", text)
	if err != nil {
		return nil, wrong(field.Invalid(at, "", err.Error()))
	}
	made, err := parsed.Execute(f.budget, f.values)
	if err != nil {
		return nil, wrong(field.Invalid(at, "", err.Error()))
	}
	return made, nil
}

func (f *filling) put(target, key string, value []byte, decoding string, at *field.Path) error {
	decoded, err := decodeValue(decoding, value)
	if err != nil {
		return wrong(field.Invalid(at, decoding, err.Error()))
	}
	if err := f.held.add(decoded, at); err != nil {
		return err
	}
	if problem := problemOf(target, key, string(decoded)); problem != "" {
		return wrong(field.Invalid(at, "", problem))
	}
	switch target {
	case targetLabels:
		f.content.Labels[key] = string(decoded)
	case targetAnnotations:
		f.content.Annotations[key] = string(decoded)
	default:
		f.content.Data[key] = decoded
	}
	return nil
}

// problemOf is why a template's key cannot stand in a Secret. The key may itself
// be made of values, and is not told.
func problemOf(target, key, value string) string {
	switch {
	case target == targetData && len(validation.IsConfigMapKey(key)) > 0:
		return "makes a key that a Secret cannot have"
	case target == targetData:
		return ""
	case strings.HasPrefix(key, api.ReservedPrefix):
		return "makes a key of " + api.ReservedPrefix + ", which are Countersign's own; leave it out"
	case target == targetAnnotations && len(validation.IsQualifiedName(strings.ToLower(key))) > 0,
		target == targetLabels && len(validation.IsQualifiedName(key)) > 0:
		return "makes a key that labels and annotations cannot have"
	case target == targetLabels && len(validation.IsValidLabelValue(value)) > 0:
		return "makes a label of other than at most 63 letters, digits, '-', '_' and '.'"
	}
	return ""
}
