package webhook

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/policy"
)

// maxProblems bounds what is told of one ConfigMap.
const maxProblems = 10

// fieldErrors tell problems by the key of the ConfigMap and, within it, by
// line:column.
func fieldErrors(name string, failure error) field.ErrorList {
	data := field.NewPath("data")
	var problems policy.Problems
	if !errors.As(failure, &problems) {
		return field.ErrorList{invalidData(data, failure.Error())}
	}
	var errs field.ErrorList
	for _, problem := range problems[:min(len(problems), maxProblems)] {
		if problem.Source != name || problem.Key == "" {
			errs = append(errs, invalidData(data, problem.String()))
			continue
		}
		errs = append(errs, invalidData(data.Key(problem.Key), located(problem)))
	}
	if more := len(problems) - maxProblems; more > 0 {
		errs = append(errs, invalidData(data, fmt.Sprintf("and %d more problems; see countersign policy lint", more)))
	}
	return errs
}

func invalidData(at *field.Path, message string) *field.Error {
	return field.Invalid(at, field.OmitValueType{}, message)
}

func located(problem policy.Problem) string {
	if problem.Line == 0 {
		return problem.Message
	}
	return fmt.Sprintf("%d:%d: %s", problem.Line, problem.Column, problem.Message)
}

// lintWarnings are those about the one ConfigMap.
func lintWarnings(name string, documents []*policy.Document, settings policy.Settings) admission.Warnings {
	var warnings admission.Warnings
	for _, problem := range policy.Lint(documents, settings).Warnings() {
		if problem.Source == name {
			warnings = append(warnings, fmt.Sprintf("data[%s]: %s", problem.Key, located(problem)))
		}
	}
	if more := len(warnings) - maxProblems; more > 0 {
		return append(warnings[:maxProblems], fmt.Sprintf("and %d more warnings; see countersign policy lint", more))
	}
	return warnings
}
