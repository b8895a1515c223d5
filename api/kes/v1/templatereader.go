package v1

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/api/kes/v1/expression"
)

// templateReader collects what is wrong.
type templateReader struct {
	errs        field.ErrorList
	expressions expression.Parser
}

func (r *templateReader) refuse(err *field.Error) { r.errs = append(r.errs, err) }

func (r *templateReader) read(t *secretTemplate, name string, value any, at *field.Path) {
	if name != "data" && name != "stringData" {
		r.noExpressions(value, at)
	}
	switch name {
	case "apiVersion", "kind":
		// The generated ones win, whatever stands here.
	case "type":
		t.secretType = r.text(value, at)
	case "metadata":
		r.metadata(t, value, at)
	case "data":
		t.data = r.templates(value, at)
		r.checkBase64(t.data, at)
	case "stringData":
		t.stringData = r.templates(value, at)
	case "immutable":
		immutable, ok := value.(bool)
		if !ok {
			r.refuse(field.TypeInvalid(at, "", "write true or false"))
		}
		t.immutable = &immutable
	default:
		r.refuse(field.Forbidden(at, "a Secret's template has type, metadata, data, stringData and immutable"))
	}
}

func (r *templateReader) metadata(t *secretTemplate, value any, at *field.Path) {
	fields, ok := value.(map[string]any)
	if !ok {
		r.refuse(field.TypeInvalid(at, "", "write an object"))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch name {
		case "labels":
			t.labels = r.texts(fields[name], at.Child(name))
			r.checkLabels(t.labels, at.Child(name))
		case "annotations":
			t.annotations = r.texts(fields[name], at.Child(name))
			r.checkReserved(t.annotations, at.Child(name))
		case "name", "creationTimestamp":
			// Tools that print a Secret leave them; the generated ones win.
		default:
			r.refuse(field.Forbidden(at.Child(name), "only labels and annotations may be set"))
		}
	}
}

func (r *templateReader) text(value any, at *field.Path) string {
	text, ok := value.(string)
	if !ok {
		r.refuse(field.TypeInvalid(at, "", "write a string; numbers, booleans and null need quotes"))
	}
	return text
}

func (r *templateReader) texts(value any, at *field.Path) map[string]string {
	fields, ok := value.(map[string]any)
	if !ok {
		r.refuse(field.TypeInvalid(at, "", "write an object of strings"))
		return nil
	}
	texts := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		texts[name] = r.text(fields[name], at.Key(name))
	}
	return texts
}

func (r *templateReader) templates(value any, at *field.Path) map[string]*expression.Template {
	templates := map[string]*expression.Template{}
	texts := r.texts(value, at)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		template, err := r.expressions.Parse(texts[name])
		if err != nil {
			r.refuse(field.Forbidden(at.Key(name), err.Error()))
			continue
		}
		templates[name] = template
	}
	r.checkKeys(texts, at)
	return templates
}

// checkBase64 is for what holds no expression: the rest shows when it is
// rendered.
func (r *templateReader) checkBase64(templates map[string]*expression.Template, at *field.Path) {
	texts := map[string][]byte{}
	for name, template := range templates {
		if text, ok := template.Literal(); ok {
			texts[name] = []byte(text)
		}
	}
	r.errs = append(r.errs, decodeBase64(texts, at)...)
}

func (r *templateReader) checkKeys(texts map[string]string, at *field.Path) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		for _, problem := range validation.IsConfigMapKey(name) {
			r.refuse(field.Invalid(at.Key(name), name, problem))
		}
	}
}

func (r *templateReader) checkLabels(labels map[string]string, at *field.Path) {
	r.checkReserved(labels, at)
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		for _, problem := range slices.Concat(validation.IsQualifiedName(name), validation.IsValidLabelValue(labels[name])) {
			r.refuse(field.Invalid(at.Key(name), labels[name], problem))
		}
	}
}

func (r *templateReader) checkReserved(names map[string]string, at *field.Path) {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if strings.HasPrefix(name, api.ReservedPrefix) {
			r.refuse(field.Forbidden(at.Key(name), api.ReservedPrefix+" is Countersign's own"))
		}
	}
}

// checkType keeps ExternalSecrets from minting credentials of the cluster.
func (r *templateReader) checkType(secretType string, at *field.Path) {
	refused := []corev1.SecretType{corev1.SecretTypeServiceAccountToken, corev1.SecretTypeBootstrapToken}
	if slices.Contains(refused, corev1.SecretType(secretType)) {
		r.refuse(field.Forbidden(at, fmt.Sprintf("a Secret of type %s is a credential of the cluster itself", secretType)))
	}
}

// noExpressions refuses expressions where kubernetes-external-secrets ran them
// too: a value in a label or an annotation is told to all who read metadata.
func (r *templateReader) noExpressions(value any, at *field.Path) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			r.noExpressions(value[name], childOrKey(at, name))
		}
	case string:
		if strings.Contains(value, "<%") || strings.Contains(value, "${") {
			r.refuse(field.Forbidden(at, "template expressions (<% %> and ${ }) work under data and stringData only: a value in metadata could be read without reading the Secret"))
		}
	}
}

func childOrKey(at *field.Path, name string) *field.Path {
	if strings.ContainsAny(name, "./[]") {
		return at.Key(name)
	}
	return at.Child(name)
}
