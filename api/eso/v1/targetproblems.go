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
	"github.com/countersign/countersign/api/eso/v1/template"
)

// problems is what can never become a Secret.
func (t *Target) problems(at *field.Path) field.ErrorList {
	problems := unknownOrMalformed(t.Unknown, t.Malformed, at)
	problems = append(problems, oneOf(at.Child("creationPolicy"), t.CreationPolicy, policyOwner, policyOrphan, policyMerge, policyNone, policyCreateMerge)...)
	problems = append(problems, oneOf(at.Child("deletionPolicy"), t.DeletionPolicy, policyRetain, policyDelete, policyMerge)...)
	problems = append(problems, t.policyProblems(at)...)
	if t.Manifest != nil {
		problems = append(problems, field.Forbidden(at.Child("manifest"), "Countersign makes Secrets only; "+leaveToESO))
	}
	if t.Name != "" {
		problems = append(problems, nameProblems(t.Name, at.Child("name"))...)
	}
	if t.Template == nil {
		return problems
	}
	return append(problems, t.Template.problems(at.Child("template"))...)
}

func nameProblems(name string, at *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, problem := range validation.IsDNS1123Subdomain(name) {
		problems = append(problems, field.Invalid(at, name, problem))
	}
	return problems
}

// policyProblems: only what is owned may be deleted.
func (t *Target) policyProblems(at *field.Path) field.ErrorList {
	creation := t.creation()
	switch {
	case t.DeletionPolicy == policyDelete && creation != api.CreateOwned:
		return field.ErrorList{field.Forbidden(at.Child("deletionPolicy"), "only a Secret that the object owns is deleted; write creationPolicy: Owner")}
	case t.DeletionPolicy == policyMerge && creation == api.CreateNone:
		return field.ErrorList{field.Forbidden(at.Child("deletionPolicy"), "without a Secret there is nothing to merge; leave it out")}
	}
	return nil
}

func (t *Template) problems(at *field.Path) field.ErrorList {
	problems := oneOf(at.Child("engineVersion"), t.EngineVersion, "v2")
	problems = append(problems, oneOf(at.Child("mergePolicy"), t.MergePolicy, policyReplace, policyMerge)...)
	if credential := corev1.SecretType(t.Type); credential == corev1.SecretTypeServiceAccountToken || credential == corev1.SecretTypeBootstrapToken {
		problems = append(problems, field.Forbidden(at.Child("type"), fmt.Sprintf("a Secret of type %s is a credential of the cluster; write another type", t.Type)))
	}
	metadata := at.Child("metadata")
	if len(t.Metadata.Finalizers) > 0 {
		problems = append(problems, field.Forbidden(metadata.Child("finalizers"), "a Secret that cannot be deleted keeps its namespace; leave them out"))
	}
	problems = append(problems, metadataProblems(t.Metadata.Labels, metadata.Child("labels"))...)
	problems = append(problems, metadataProblems(t.Metadata.Annotations, metadata.Child("annotations"))...)
	for _, key := range slices.Sorted(maps.Keys(t.Data)) {
		problems = append(problems, keyProblems(key, at.Child("data").Key(key))...)
		problems = append(problems, templateProblems(t.Data[key], at.Child("data").Key(key))...)
	}
	for i := range t.TemplateFrom {
		problems = append(problems, t.TemplateFrom[i].problems(at.Child("templateFrom").Index(i))...)
	}
	return problems
}

func metadataProblems(templates map[string]string, at *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		if strings.HasPrefix(key, api.ReservedPrefix) {
			problems = append(problems, field.Forbidden(at.Key(key), "it is Countersign's own; leave it out"))
		}
		problems = append(problems, templateProblems(templates[key], at.Key(key))...)
	}
	return problems
}

func templateProblems(text string, at *field.Path) field.ErrorList {
	if _, err := template.Parse("template", text); err != nil {
		return field.ErrorList{field.Invalid(at, "", err.Error())}
	}
	return nil
}
