// Package expression renders the templates of kubernetes-external-secrets
// (KES), of which that ran the JavaScript as code.
//
// A template is text with tags, cut as lodash's _.template cuts it: <%= %> and
// ${ } are replaced by a value, <%- %> by a value escaped for HTML. What stands
// in a tag is parsed as JavaScript and compiled to nodes by an allow-list:
// lookups in data, JSON.parse, JSON.stringify, yaml.load, yaml.dump, literals,
// +, comparisons, the logical operators and the conditional one. All other
// syntax is refused when the template is parsed, so that nothing but these
// nodes is ever evaluated. There are no loops, and a Scope bounds the work.
//
// What is rendered is what KES rendered, or there is an error: a key that is
// not there, and an object where text is wanted, are no longer "undefined" and
// "[object Object]". Text is UTF-8 and numbers stay as they were written.
// Errors tell the place in the template and never a value.
package expression
