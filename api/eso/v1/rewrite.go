package v1

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api/eso/v1/template"
)

// rewrite gives values other keys, step by step.
func rewrite(steps []Rewrite, values map[string][]byte, at *field.Path) (map[string][]byte, error) {
	budget := template.NewBudget()
	for i := range steps {
		var err error
		step, at := &steps[i], at.Index(i)
		switch {
		case step.Merge != nil:
			values, err = step.Merge.apply(values, at.Child("merge"))
		case step.Regexp != nil:
			values, err = step.Regexp.apply(values, at.Child("regexp"))
		case step.Transform != nil:
			values, err = step.Transform.apply(budget, values, at.Child("transform"))
		}
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (r *RegexpRewrite) apply(values map[string][]byte, at *field.Path) (map[string][]byte, error) {
	expression, err := regexp.Compile(r.Source)
	if err != nil {
		return nil, wrong(field.Invalid(at.Child("source"), r.Source, notRegular))
	}
	return rename(values, at, func(key string) (string, error) { return expression.ReplaceAllString(key, r.Target), nil })
}

func (r *TransformRewrite) apply(budget *template.Budget, values map[string][]byte, at *field.Path) (map[string][]byte, error) {
	parsed, err := template.ParseTransform("transform", r.Template)
	if err != nil {
		return nil, wrong(field.Invalid(at.Child("template"), "", err.Error()))
	}
	return rename(values, at.Child("template"), func(key string) (string, error) {
		made, err := parsed.Execute(budget, map[string]string{"value": key})
		return string(made), err
	})
}

// rename gives each value another key. Two that become one would lose one.
func rename(values map[string][]byte, at *field.Path, to func(string) (string, error)) (map[string][]byte, error) {
	renamed := map[string][]byte{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name, err := to(key)
		if err != nil {
			return nil, wrong(field.Invalid(at, "", err.Error()))
		}
		if _, taken := renamed[name]; taken {
			return nil, wrong(field.Invalid(at, "", fmt.Sprintf("two keys become %q, and one value would be lost", name)))
		}
		renamed[name] = values[key]
	}
	return renamed, nil
}

func (r *MergeRewrite) apply(values map[string][]byte, at *field.Path) (map[string][]byte, error) {
	merged, err := r.merge(values, at)
	if err != nil {
		return nil, err
	}
	if r.Strategy == "JSON" {
		return r.into(merged, values, at)
	}
	made := map[string][]byte{}
	for name, value := range merged {
		if made[name], err = textOfPlain(value); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// into writes the merged object beside the values that it is made of.
func (r *MergeRewrite) into(merged map[string]any, values map[string][]byte, at *field.Path) (map[string][]byte, error) {
	if r.Into == "" {
		return nil, wrong(field.Required(at.Child("into"), "name the key"))
	}
	var document bytes.Buffer
	encoder := json.NewEncoder(&document)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(merged); err != nil {
		return nil, err
	}
	made := maps.Clone(values)
	made[r.Into] = bytes.TrimRight(document.Bytes(), "\n")
	return made, nil
}

// merge has the fields of all values; of those that stand in several it has the
// last: keys in their order, those with priority in theirs after the others.
func (r *MergeRewrite) merge(values map[string][]byte, at *field.Path) (map[string]any, error) {
	merged := map[string]any{}
	var conflicts []string
	for _, key := range r.order(values) {
		value, found := values[key]
		if !found && r.PriorityPolicy == "IgnoreNotFound" {
			continue
		}
		object, err := decodeObject(value)
		if !found || err != nil {
			return nil, wrong(field.Invalid(at, key, mergeProblem(found)))
		}
		for name := range object {
			if _, twice := merged[name]; twice {
				conflicts = append(conflicts, name)
			}
			merged[name] = plainNumbers(object[name])
		}
	}
	if len(conflicts) > 0 && r.ConflictPolicy != "Ignore" {
		slices.Sort(conflicts)
		return nil, wrong(field.Invalid(at.Child("conflictPolicy"), r.ConflictPolicy, "several values have "+strings.Join(slices.Compact(conflicts), ", ")+"; write Ignore to have the last of them"))
	}
	return merged, nil
}

func mergeProblem(found bool) string {
	if !found {
		return "no such key; write priorityPolicy: IgnoreNotFound to go on without it"
	}
	return "the value is no JSON object"
}

func (r *MergeRewrite) order(values map[string][]byte) []string {
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(values)), func(key string) bool { return slices.Contains(r.Priority, key) })
	return append(keys, r.Priority...)
}

const notRegular = "no regular expression"

func compiles(text string) error {
	if _, err := regexp.Compile(text); err != nil {
		return errors.New(notRegular)
	}
	return nil
}

// problems is why a rewrite can never be made.
func (r *Rewrite) problems(at *field.Path) field.ErrorList {
	if problems := unknownOrMalformed(r.Unknown, r.Malformed, at); len(problems) > 0 {
		return problems
	}
	kinds := 0
	for _, one := range []bool{r.Regexp != nil, r.Transform != nil, r.Merge != nil} {
		if one {
			kinds++
		}
	}
	if kinds != 1 {
		return field.ErrorList{field.Invalid(at, "", "write one of regexp, transform and merge")}
	}
	if err := r.compile(); err != nil {
		return field.ErrorList{field.Invalid(at, "", err.Error())}
	}
	return nil
}

func (r *Rewrite) compile() error {
	switch {
	case r.Regexp != nil:
		return compiles(r.Regexp.Source)
	case r.Transform != nil:
		_, err := template.ParseTransform("transform", r.Transform.Template)
		return err
	case r.Merge != nil && r.Merge.Strategy == "JSON" && r.Merge.Into == "":
		return errors.New("name the key under into")
	}
	return nil
}
