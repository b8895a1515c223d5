package template

import (
	"reflect"
	"text/template"
)

// Bounds of one object.
const (
	maxText    = 2 << 20
	maxActions = 10_000
	maxUnits   = 100_000
	maxOutput  = 1<<20 + 64<<10 // a Secret holds 1 MiB
	maxNesting = 1_000          // templates within templates
)

// Budget is what the templates of one object have left. A unit is one step, or
// 1 KiB that a function takes or makes: some microseconds. It is not for use by
// many at once.
type Budget struct{ left, nesting int }

// NewBudget is the budget of one object: as many templates as it may have, they
// do no more together than one may.
func NewBudget() *Budget { return &Budget{left: maxUnits} }

func (b *Budget) spend(units int) error {
	if units > b.left {
		b.left = 0
		return exhausted
	}
	b.left -= units
	return nil
}

// functions are those of a template, each of which asks the budget first, and
// those that instrumenter put into its trees.
func (b *Budget) functions(called map[string]function) template.FuncMap {
	bounded := template.FuncMap{
		stepName:    b.step,
		enterName:   b.enter,
		leaveName:   b.leave,
		measureName: b.measure,
	}
	for name, function := range called {
		bounded[name] = b.bound(name, function)
	}
	return bounded
}

// step, enter and leave stand for actions, and write nothing.
func (b *Budget) step() (string, error) { return "", b.spend(1) }

func (b *Budget) enter() (string, error) {
	b.nesting++
	if b.nesting > maxNesting {
		return "", nestedTooDeep
	}
	return "", b.spend(1)
}

func (b *Budget) leave() string {
	b.nesting--
	return ""
}

// measure lets the result of a command through.
func (b *Budget) measure(result any) (any, error) {
	return result, b.pay(maxValue(), reflect.ValueOf(result))
}

// pay spends what values cost by their size, which has a limit.
func (b *Budget) pay(limit size, values ...reflect.Value) error {
	used, err := sizeOf(limit, values)
	if err != nil {
		return err
	}
	return b.spend(1 + used.units())
}

// bound makes a function pay before it runs, and fail without a panic.
func (b *Budget) bound(name string, function function) any {
	signature := function.Type()
	result := signature.Out(0)
	return reflect.MakeFunc(withError(signature), func(args []reflect.Value) []reflect.Value {
		value, err := b.call(function, args)
		if err != nil {
			return []reflect.Value{reflect.Zero(result), reflect.ValueOf(&callError{function: name, reason: reasonOf(err)})}
		}
		return []reflect.Value{value, reflect.Zero(reflect.TypeFor[error]())}
	}).Interface()
}

func (b *Budget) call(function function, args []reflect.Value) (result reflect.Value, err error) {
	defer func() {
		if recover() != nil {
			err = failed
		}
	}()
	if err := b.pay(maxArguments(), args...); err != nil {
		return reflect.Value{}, err
	}
	if function.guard != nil {
		if err := function.guard(b, flatten(args, function.Type().IsVariadic())); err != nil {
			return reflect.Value{}, err
		}
	}
	call := function.Call
	if function.Type().IsVariadic() {
		call = function.CallSlice
	}
	results := call(args)
	if len(results) == 2 && !results[1].IsNil() {
		return reflect.Value{}, results[1].Interface().(error)
	}
	return results[0], nil
}

// withError is the type of a function that may refuse.
func withError(signature reflect.Type) reflect.Type {
	in := make([]reflect.Type, signature.NumIn())
	for i := range in {
		in[i] = signature.In(i)
	}
	return reflect.FuncOf(in, []reflect.Type{signature.Out(0), reflect.TypeFor[error]()}, signature.IsVariadic())
}

// flatten lists arguments as the template has them.
func flatten(args []reflect.Value, variadic bool) []any {
	var flat []any
	for i, arg := range args {
		if !variadic || i < len(args)-1 {
			flat = append(flat, arg.Interface())
			continue
		}
		for j := range arg.Len() {
			flat = append(flat, arg.Index(j).Interface())
		}
	}
	return flat
}
