package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// check finds what would make a suite test nothing.
func (s *Suite) check() error {
	if s.APIVersion != APIVersion || s.Kind != SuiteKind {
		return Problems{s.Problem("apiVersion", fmt.Sprintf("want apiVersion: %s and kind: %s, got %q and %q",
			APIVersion, SuiteKind, s.APIVersion, s.Kind))}
	}
	var errs field.ErrorList
	if len(s.Policies) == 0 {
		errs = append(errs, field.Required(field.NewPath("policies"), "name the files of the policy, relative to this one"))
	}
	errs = append(errs, s.Settings.check(field.NewPath("settings"))...)
	if len(s.Cases) == 0 {
		errs = append(errs, field.Required(field.NewPath("cases"), "a suite without a case tests nothing"))
	}
	names := map[string]bool{}
	for i := range s.Cases {
		at := field.NewPath("cases").Index(i)
		if name := s.Cases[i].Name; name != "" && names[name] {
			errs = append(errs, field.Duplicate(at.Child("name"), name))
		}
		names[s.Cases[i].Name] = true
		errs = append(errs, s.Cases[i].check(at)...)
	}
	var problems Problems
	for _, err := range errs {
		problems = append(problems, s.Problem(err.Field, err.Error()))
	}
	return problems.Err()
}

func (s *SuiteSettings) check(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	mode := func(mode Mode, at *field.Path) {
		if mode != "" && !mode.Valid() {
			errs = append(errs, field.NotSupported(at, mode, []Mode{Enforce, Warn, Audit}))
		}
	}
	mode(s.Enforcement.Default, at.Child("enforcement", "default"))
	for _, name := range slices.Sorted(maps.Keys(s.Enforcement.Namespaces)) {
		mode(s.Enforcement.Namespaces[name], at.Child("enforcement", "namespaces").Key(name))
	}
	if s.MaxPaths < 0 {
		errs = append(errs, field.Invalid(at.Child("maxPaths"), s.MaxPaths, "must be positive"))
	}
	return errs
}

func (c *Case) check(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), "say what holds"))
	}
	errs = append(errs, c.checkInput(at)...)
	return append(errs, c.checkWant(at)...)
}

func (c *Case) checkInput(at *field.Path) field.ErrorList {
	inputs := 0
	for _, given := range []bool{c.Request != nil, c.Object != "", c.Manifest() != nil} {
		if given {
			inputs++
		}
	}
	if inputs != 1 {
		return field.ErrorList{field.Required(at.Child("request"), "give one of request, object and manifest")}
	}
	if c.Request == nil {
		return nil
	}
	var errs field.ErrorList
	if c.Namespace == "" {
		errs = append(errs, field.Required(at.Child("namespace"), "a request comes from a namespace"))
	}
	if c.Request.Path == "" {
		errs = append(errs, field.Required(at.Child("request", "path"), "name the full Vault API path"))
	}
	if operation := c.Request.Operation; operation != "" && !operation.Valid() {
		errs = append(errs, field.NotSupported(at.Child("request", "operation"), operation, []Operation{OperationRead, OperationWrite}))
	}
	return errs
}

func (c *Case) checkWant(at *field.Path) field.ErrorList {
	wants := []Want{WantAllow, WantAudit, WantWarn, WantDeny}
	switch {
	case c.Want == "":
		return field.ErrorList{field.Required(at.Child("want"), "say what the answer has to be: allow, audit, warn or deny")}
	case !slices.Contains(wants, c.Want):
		return field.ErrorList{field.NotSupported(at.Child("want"), c.Want, wants)}
	case c.WantMessage == "":
		return nil
	case c.Want == WantAllow:
		return field.ErrorList{field.Forbidden(at.Child("wantMessage"), "whoever is allowed is told nothing")}
	}
	message, err := regexp.Compile(c.WantMessage)
	if err != nil {
		return field.ErrorList{field.Invalid(at.Child("wantMessage"), c.WantMessage, err.Error())}
	}
	c.message = message
	return nil
}
