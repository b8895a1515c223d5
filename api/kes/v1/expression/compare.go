package expression

import (
	"encoding/json"
	"errors"
	"fmt"
)

// comparison is ==, ===, !=, !==, <, <=, > or >=. Where JavaScript would
// convert one side to the kind of the other, it is a fault.
type comparison struct {
	operator    string
	left, right node
	at          int
}

func (c *comparison) eval(scope *Scope) (any, error) {
	left, err := c.left.eval(scope)
	if err != nil {
		return nil, err
	}
	right, err := c.right.eval(scope)
	if err != nil {
		return nil, err
	}
	result, err := c.compare(scope, left, right)
	if err != nil {
		return nil, &fault{c.at, err.Error()}
	}
	return result, nil
}

func (c *comparison) compare(scope *Scope, left, right any) (bool, error) {
	switch c.operator {
	case "==", "===":
		return equal(scope, left, right, c.operator == "===")
	case "!=", "!==":
		same, err := equal(scope, left, right, c.operator == "!==")
		return !same, err
	}
	return c.ordered(left, right)
}

func (c *comparison) ordered(left, right any) (bool, error) {
	leftNumber, ok := left.(json.Number)
	rightNumber, alsoOK := right.(json.Number)
	if !ok || !alsoOK {
		return false, fmt.Errorf("%s compares numbers; JSON.parse makes one of text", c.operator)
	}
	a, b := float(leftNumber), float(rightNumber)
	switch c.operator {
	case "<":
		return a < b, nil
	case "<=":
		return a <= b, nil
	case ">":
		return a > b, nil
	}
	return a >= b, nil
}

func equal(scope *Scope, left, right any, strict bool) (bool, error) {
	if nullish(left) || nullish(right) {
		return nullish(left) && nullish(right) && (!strict || (left == nil) == (right == nil)), nil
	}
	switch left := left.(type) {
	case string:
		if right, ok := right.(string); ok {
			return left == right, scope.spend(len(left))
		}
	case json.Number:
		if right, ok := right.(json.Number); ok {
			return float(left) == float(right), nil
		}
	case bool:
		if right, ok := right.(bool); ok {
			return left == right, nil
		}
	default:
		return false, errors.New("only text, numbers, booleans and null can be compared")
	}
	if strict {
		return false, nil
	}
	return false, fmt.Errorf("%s is compared with %s", kindOf(left), kindOf(right))
}
