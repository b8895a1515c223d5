package v1

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api/eso/v1/template"
)

// problems is why a rewrite can never be made.
func (r *Rewrite) problems(at *field.Path) field.ErrorList {
	if problems := unknownOrMalformed(r.Unknown, r.Malformed, at); len(problems) > 0 {
		return problems
	}
	var kinds []field.ErrorList
	if r.Regexp != nil {
		kinds = append(kinds, r.Regexp.problems(at.Child("regexp")))
	}
	if r.Transform != nil {
		kinds = append(kinds, r.Transform.problems(at.Child("transform", "template")))
	}
	if r.Merge != nil {
		kinds = append(kinds, r.Merge.problems(at.Child("merge")))
	}
	if len(kinds) != 1 {
		return field.ErrorList{field.Invalid(at, "", "write one of regexp, transform and merge; give each an entry of its own")}
	}
	return kinds[0]
}

func regularProblems(expression string, at *field.Path) field.ErrorList {
	if _, err := compileRegular(expression); err != nil {
		return field.ErrorList{field.Invalid(at, expression, err.Error())}
	}
	return nil
}

func (r *RegexpRewrite) problems(at *field.Path) field.ErrorList {
	problems := regularProblems(r.Source, at.Child("source"))
	if len(r.Target) > maxRegular {
		problems = append(problems, field.TooLong(at.Child("target"), "", maxRegular))
	}
	return problems
}

func (r *TransformRewrite) problems(at *field.Path) field.ErrorList {
	if _, err := template.ParseTransform("transform", r.Template); err != nil {
		return field.ErrorList{field.Invalid(at, "", err.Error())}
	}
	return nil
}

func (r *MergeRewrite) problems(at *field.Path) field.ErrorList {
	problems := oneOf(at.Child("strategy"), r.Strategy, "Extract", mergeJSON)
	problems = append(problems, oneOf(at.Child("conflictPolicy"), r.ConflictPolicy, "Error", mergeIgnore)...)
	problems = append(problems, oneOf(at.Child("priorityPolicy"), r.PriorityPolicy, "Strict", mergeIgnoreNotFound)...)
	if r.Strategy == mergeJSON && r.Into == "" {
		problems = append(problems, field.Required(at.Child("into"), "name the key that gets the JSON"))
	}
	return problems
}
