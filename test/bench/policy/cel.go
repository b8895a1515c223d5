package main

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// expression is what one would write in a ValidatingAdmissionPolicy with the
// rules as its parameter. startsWith and endsWith are its quickest operators.
const expression = `rules.exists(rule,
  (rule.prefix ? ns.startsWith(rule.namespace) : ns == rule.namespace) &&
  role == rule.role && path.startsWith(rule.before) && path.endsWith(rule.after))`

type celJudge struct {
	program cel.Program
	rules   ref.Val
}

func prepareCEL(rules []rule) (func() (judge, error), error) {
	return func() (judge, error) {
		env, err := cel.NewEnv(
			cel.Variable("ns", cel.StringType), cel.Variable("role", cel.StringType), cel.Variable("path", cel.StringType),
			cel.Variable("rules", cel.ListType(cel.MapType(cel.StringType, cel.DynType))),
		)
		if err != nil {
			return nil, err
		}
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			return nil, issues.Err()
		}
		program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		return &celJudge{program, celRules(rules)}, err
	}, nil
}

func celRules(rules []rule) ref.Val {
	values := make([]ref.Val, len(rules))
	for i, one := range rules {
		values[i] = types.DefaultTypeAdapter.NativeToValue(map[ref.Val]ref.Val{
			types.String("namespace"): types.String(one.namespace), types.String("prefix"): types.Bool(one.prefix),
			types.String("role"): types.String(one.role), types.String("before"): types.String(one.before), types.String("after"): types.String(one.after),
		})
	}
	return types.NewRefValList(types.DefaultTypeAdapter, values)
}

func (j *celJudge) allows(r request) (bool, error) {
	value, _, err := j.program.Eval(map[string]any{"ns": r.namespace, "role": r.role, "path": r.path, "rules": j.rules})
	if err != nil {
		return false, err
	}
	answer, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("CEL answered %v", value)
	}
	return answer, nil
}
