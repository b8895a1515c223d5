package expression

import (
	"fmt"
	"strconv"
	"strings"
)

// node is a compiled expression. Its errors are faults.
type node interface {
	eval(scope *Scope) (any, error)
}

// valueOf evaluates a node whose value is used, so that it must be there.
func valueOf(n node, scope *Scope) (any, error) {
	value, err := n.eval(scope)
	if missing, ok := value.(absent); ok {
		return nil, missing.fault
	}
	return value, err
}

// literal stands in the expression itself.
type literal struct{ value any }

func (l literal) eval(*Scope) (any, error) { return l.value, nil }

// data is the variable of that name.
type data struct{}

func (data) eval(scope *Scope) (any, error) { return scope.data(), nil }

// lookup is of.key or of[key].
type lookup struct {
	of, key node
	at      int
}

func (l *lookup) eval(scope *Scope) (any, error) {
	of, err := valueOf(l.of, scope)
	if err != nil {
		return nil, err
	}
	key, err := valueOf(l.key, scope)
	if err != nil {
		return nil, err
	}
	name, err := textOf(key)
	if err != nil {
		return nil, &fault{l.at, "a key must be text or a number"}
	}
	return l.find(of, name)
}

func (l *lookup) find(of any, name string) (any, error) {
	switch of := of.(type) {
	case *object:
		value, ok := of.values[name]
		if _, unreadable := value.(binary); unreadable {
			return nil, &fault{l.at, notText}
		}
		return l.orAbsent(value, ok), nil
	case []any:
		i, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(i) != name {
			return nil, &fault{l.at, "a list has numbers for keys only"}
		}
		if i < 0 || i >= len(of) {
			return l.orAbsent(nil, false), nil
		}
		return of[i], nil
	case string:
		return nil, &fault{l.at, "text has no keys; read it with JSON.parse or yaml.load"}
	}
	return nil, &fault{l.at, kindOf(of) + " has no keys"}
}

// orAbsent names the key only if it stands in the template: one that was
// computed may be a value.
func (l *lookup) orAbsent(value any, found bool) any {
	if found {
		return value
	}
	if written, ok := l.key.(literal); ok {
		return absent{&fault{l.at, fmt.Sprintf("no such key %q", fmt.Sprint(written.value))}}
	}
	return absent{&fault{l.at, "no such key"}}
}

// call is JSON.parse, JSON.stringify, yaml.load or yaml.dump.
type call struct {
	name     string
	run      function
	argument node
	at       int
}

func (c *call) eval(scope *Scope) (any, error) {
	argument, err := valueOf(c.argument, scope)
	if err != nil {
		return nil, err
	}
	result, err := c.run(scope, argument)
	if err != nil {
		return nil, &fault{c.at, c.name + ": " + err.Error()}
	}
	return result, nil
}

// concat is a template literal, or +.
type concat struct {
	parts []node
	at    []int
	// plus wants text on one side at least: numbers are not added.
	plus bool
}

func (c *concat) add(part node, at int) { c.parts, c.at = append(c.parts, part), append(c.at, at) }

func (c *concat) eval(scope *Scope) (any, error) {
	var out strings.Builder
	isText := !c.plus
	for i, part := range c.parts {
		value, err := valueOf(part, scope)
		if err != nil {
			return nil, err
		}
		text, err := textOf(value)
		if err == nil {
			err = scope.spend(out.Len() + len(text))
		}
		if err != nil {
			return nil, &fault{c.at[i], err.Error()}
		}
		out.WriteString(text)
		_, ok := value.(string)
		isText = isText || ok
	}
	if !isText {
		return nil, &fault{c.at[0], `+ joins text and adds nothing up; for text begin with "" +`}
	}
	return out.String(), nil
}

// choice is test ? yes : no.
type choice struct{ test, yes, no node }

func (c *choice) eval(scope *Scope) (any, error) {
	test, err := c.test.eval(scope)
	if err != nil {
		return nil, err
	}
	if truthy(test) {
		return c.yes.eval(scope)
	}
	return c.no.eval(scope)
}

// logical is &&, || or ??: the left value, unless the right one is needed.
type logical struct {
	operator    string
	left, right node
}

func (l *logical) eval(scope *Scope) (any, error) {
	left, err := l.left.eval(scope)
	if err != nil {
		return nil, err
	}
	needsRight := nullish(left)
	switch l.operator {
	case "&&":
		needsRight = truthy(left)
	case "||":
		needsRight = !truthy(left)
	}
	if needsRight {
		return l.right.eval(scope)
	}
	return left, nil
}

// not is !.
type not struct{ operand node }

func (n *not) eval(scope *Scope) (any, error) {
	value, err := n.operand.eval(scope)
	return !truthy(value), err
}
