package expression

import (
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"
)

// function has one argument; others than that are fixed when it is compiled.
type function func(*Scope, any) (any, error)

func (c *compiler) call(e *ast.CallExpression) (node, error) {
	name := calleeOf(e)
	run, err := c.function(name, e)
	if err != nil {
		return nil, err
	}
	argument, err := c.expression(e.ArgumentList[0])
	return &call{name, run, argument, c.offset(e.Callee.Idx0())}, err
}

// calleeOf is "JSON.parse" for such a call, and empty for any other.
func calleeOf(e *ast.CallExpression) string {
	callee, ok := e.Callee.(*ast.DotExpression)
	if !ok {
		return ""
	}
	of, ok := callee.Left.(*ast.Identifier)
	if !ok {
		return ""
	}
	return of.Name.String() + "." + callee.Identifier.Name.String()
}

func (c *compiler) function(name string, e *ast.CallExpression) (function, error) {
	switch name {
	case "JSON.parse":
		return parseJSON, c.oneArgument(e)
	case "JSON.stringify":
		return c.stringify(e)
	case "yaml.load":
		return loadYAML, c.oneArgument(e)
	case "yaml.dump":
		return dumpYAML, c.oneArgument(e)
	}
	if root, ok := rootOf(e).(*ast.Identifier); ok && root.Name != "JSON" && root.Name != "yaml" {
		// Where the name itself is unknown, that is what to tell.
		if _, err := c.identifier(root); err != nil {
			return nil, err
		}
	}
	return nil, c.refuse(e.Idx0(), "this call")
}

func (c *compiler) oneArgument(e *ast.CallExpression) error {
	if len(e.ArgumentList) != 1 {
		return c.refuse(e.Idx0(), "this call with any but one argument")
	}
	return nil
}

// stringify compiles JSON.stringify(value), and (value, null, indentation).
func (c *compiler) stringify(e *ast.CallExpression) (function, error) {
	if len(e.ArgumentList) != 3 {
		return stringifier(""), c.oneArgument(e)
	}
	_, isNull := e.ArgumentList[1].(*ast.NullLiteral)
	indent, ok := indentOf(e.ArgumentList[2])
	if !isNull || !ok {
		return nil, c.refuse(e.ArgumentList[1].Idx0(), "anything but null and a literal for an indentation")
	}
	return stringifier(indent), nil
}

// indentOf is what JSON.stringify indents with: at most ten characters.
func indentOf(e ast.Expression) (string, bool) {
	const most = 10
	switch e := e.(type) {
	case *ast.NumberLiteral:
		width, err := strconv.Atoi(e.Literal)
		return strings.Repeat(" ", min(width, most)), err == nil
	case *ast.StringLiteral:
		indent := []rune(e.Value.String())
		return string(indent[:min(len(indent), most)]), true
	}
	return "", false
}

// rootOf is what a chain of lookups and calls begins with.
func rootOf(e ast.Expression) ast.Expression {
	switch e := e.(type) {
	case *ast.CallExpression:
		return rootOf(e.Callee)
	case *ast.DotExpression:
		return rootOf(e.Left)
	case *ast.BracketExpression:
		return rootOf(e.Left)
	}
	return e
}

// nameOf is what to call syntax that is refused.
func nameOf(e ast.Expression) string {
	switch e := e.(type) {
	case *ast.FunctionLiteral, *ast.ClassLiteral:
		return "a function or class"
	case *ast.AssignExpression:
		return "an assignment"
	case *ast.NewExpression:
		return "new"
	case *ast.RegExpLiteral:
		return "a regular expression"
	case *ast.ObjectLiteral, *ast.ArrayLiteral:
		return "an object or list literal"
	case *ast.SequenceExpression:
		return "a comma"
	case *ast.OptionalChain, *ast.Optional:
		return "?."
	case *ast.UnaryExpression:
		return e.Operator.String()
	case *ast.BinaryExpression:
		return e.Operator.String()
	}
	return "this"
}
