package main

import "fmt"

// rule is what all engines are given.
type rule struct {
	// namespace is a name, or with prefix the start of one.
	namespace string
	prefix    bool
	role      string
	// A path matches that starts with before, and ends with after where there
	// is one segment between them, or has anything below before.
	before, after string
}

// shapes of rules.
const (
	ownTree = iota
	anySegment
	byPrefix
	sharedTree
	shapes
)

func newRules(n int) []rule {
	rules := make([]rule, n)
	for i := range rules {
		team := fmt.Sprintf("team-%d", i)
		rules[i] = rule{namespace: team, role: team + "-read"}
		switch i % shapes {
		case ownTree:
			rules[i].before = "secret/data/" + team + "/"
		case anySegment:
			rules[i].before, rules[i].after = "secret/data/apps/", "/"+team
		case byPrefix:
			rules[i].namespace, rules[i].prefix = team+"-", true
			rules[i].before = "secret/data/" + team + "/"
		case sharedTree:
			rules[i].before = "secret/data/shared/"
		}
	}
	return rules
}

// request is one question.
type request struct{ namespace, role, path string }

// allowed are requests that one rule allows each, spread over the rules.
func allowed(rules []rule, n int) []request {
	requests := make([]request, n)
	for i := range requests {
		one := &rules[(i*7919)%len(rules)]
		requests[i] = request{namespace: one.namespace, role: one.role, path: one.before + "db" + one.after}
		if one.prefix {
			requests[i].namespace += "web"
		}
		if one.after == "" {
			requests[i].path += "/password"
		}
	}
	return requests
}

// denied are the same requests with the role of nobody.
func denied(rules []rule, n int) []request {
	requests := allowed(rules, n)
	for i := range requests {
		requests[i].role = "admin"
	}
	return requests
}
