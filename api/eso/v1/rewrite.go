package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/api/eso/v1/template"
)

// rewrite gives values other keys, step by step.
func rewrite(steps []Rewrite, values map[string][]byte, budget *template.Budget, at *field.Path) (map[string][]byte, error) {
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
		var held held
		if err := held.addAll(values, at); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (r *RegexpRewrite) apply(values map[string][]byte, at *field.Path) (map[string][]byte, error) {
	if problems := r.problems(at); len(problems) > 0 {
		return nil, &api.ValueError{Problems: problems}
	}
	expression, err := compileRegular(r.Source)
	if err != nil {
		return nil, err
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

// maxRewritten bounds a key between two steps, which may be longer than that of a
// Secret.
const maxRewritten = 4096

// rename gives each value another key. Two that become one would lose one, but
// for those that lose their key: they are left out.
func rename(values map[string][]byte, at *field.Path, to func(string) (string, error)) (map[string][]byte, error) {
	renamed := map[string][]byte{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		name, err := to(key)
		if err != nil {
			return nil, wrong(field.Invalid(at, "", err.Error()))
		}
		if len(name) > maxRewritten {
			return nil, wrong(field.TooLong(at, "", maxRewritten))
		}
		if _, taken := renamed[name]; taken && name != "" {
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
	if r.Strategy == mergeJSON {
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
		return nil, wrong(field.Required(at.Child("into"), "name the key that gets the JSON"))
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
		if !found && r.PriorityPolicy == mergeIgnoreNotFound {
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
	if len(conflicts) > 0 && r.ConflictPolicy != mergeIgnore {
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
