// Package template executes the templates of External Secrets Operator, engine
// v2: Go's text/template with sprig's functions and ESO's own.
// https://external-secrets.io/latest/guides/templating/
//
// Whoever may write an ExternalSecret has a template executed in the process
// that all namespaces share, so it is bounded by counting, without a clock: all
// templates of an object share a budget of units. What calls something costs
// one, and what goes through a function costs by its size. The tree that text/template parsed
// is amended for that: each body of a range begins with a step, each defined
// template with an entry, and each command that calls something is followed by
// one that measures its result. What grows from a number, or is slow, is
// estimated before it runs, see guards.go.
//
// Errors hold where and why, never what: text/template quotes the values.
package template
