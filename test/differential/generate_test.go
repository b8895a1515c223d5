package differential

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/countersign/countersign/policy"
)

// generator makes policies that are small and dense: few words, so that their
// patterns overlap, cross and cover each other.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, seed))} }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func (g generator) word() string { return pick(g, "a", "b", "db", "Db", "team-a", "team-b") }

func (g generator) mount() string {
	return pick(g, "secret/data", "secret/data", "team/kv/data", "legacy")
}

func (g generator) pattern() string {
	segments := []string{g.mount()}
	for range 1 + g.IntN(3) {
		segments = append(segments, pick(g, g.word(), g.word(), "+", "+", "{namespace}"))
	}
	if g.oneIn(2) {
		segments = append(segments, "*")
	}
	return strings.Join(segments, "/")
}

// near changes a segment of a pattern, or its end.
func (g generator) near(pattern string) string {
	segments := strings.Split(pattern, "/")
	at := g.first(pattern) + g.IntN(len(segments)-g.first(pattern))
	switch g.IntN(5) {
	case 0:
		segments[at] = g.word()
	case 1:
		segments[at] = "+"
	case 2:
		segments = append(segments[:at], "*")
	case 3:
		segments = append(slices.DeleteFunc(segments, isStar), g.word(), "*")
	default:
		segments = append(slices.DeleteFunc(segments, isStar), "+", g.word())
	}
	return strings.Join(segments, "/")
}

func isStar(segment string) bool { return segment == "*" }

// first is the index of the first segment below the mount.
func (generator) first(pattern string) int {
	switch {
	case strings.HasPrefix(pattern, "legacy/"):
		return 1
	case strings.HasPrefix(pattern, "team/"):
		return 3
	}
	return 2
}

func (g generator) selector() policy.NamespaceSelector {
	if g.oneIn(5) {
		return policy.NamespaceSelector{MatchLabels: map[string]string{"tier": "web"}}
	}
	return policy.NamespaceSelector{Names: []string{pick(g, "*", "team-*", "team-a", "team-b", "ops")}}
}

func (g generator) policy() *policy.AccessPolicy {
	document := &policy.AccessPolicy{
		APIVersion: policy.APIVersion, Kind: policy.Kind,
		Mounts: map[string]policy.Mount{"secret": {KV: 2}, "team/kv": {KV: 2}, "legacy": {KV: 1}},
		Allow:  []policy.AllowRule{},
	}
	for i := range 1 + g.IntN(4) {
		rule := policy.AllowRule{Name: fmt.Sprintf("allow-%d", i), Namespaces: g.selector(), Roles: []string{pick(g, "reader", "reader", "reader", "{namespace}-read")}}
		for range 1 + g.IntN(3) {
			rule.Paths = append(rule.Paths, g.pattern())
		}
		if g.oneIn(4) {
			rule.AuthMounts = []string{authMount, otherMount}
		}
		switch g.IntN(6) {
		case 0:
			rule.Operations = []policy.Operation{policy.OperationWrite}
		case 1:
			rule.Operations = []policy.Operation{policy.OperationRead, policy.OperationWrite}
		}
		document.Allow = append(document.Allow, rule)
	}
	for i := range g.IntN(5) {
		document.Deny = append(document.Deny, g.deny(document, i))
	}
	return document
}

// deny makes a rule that touches an allow rule, more often than not.
func (g generator) deny(document *policy.AccessPolicy, i int) policy.DenyRule {
	rule := policy.DenyRule{Name: fmt.Sprintf("deny-%d", i)}
	for range 1 + g.IntN(2) {
		pattern := g.pattern()
		if !g.oneIn(3) {
			pattern = g.near(pick(g, pick(g, document.Allow...).Paths...))
		}
		rule.Paths = append(rule.Paths, pattern)
	}
	if g.oneIn(2) {
		rule.Namespaces = new(g.selector())
	}
	if g.oneIn(6) {
		rule.Enforcement = policy.Warn
	}
	return rule
}

// paths are some that the patterns of the policy match, and some that they
// just do not.
func (g generator) paths(document *policy.AccessPolicy, number int) []string {
	var patterns []string
	for _, rule := range document.Allow {
		patterns = append(patterns, rule.Paths...)
	}
	for _, rule := range document.Deny {
		patterns = append(patterns, rule.Paths...)
	}
	distinct := map[string]bool{}
	var paths []string
	for range 4 * number {
		path := g.path(pick(g, patterns...))
		if len(paths) < number && !distinct[path] && policy.PathProblem(path) == "" {
			distinct[path] = true
			paths = append(paths, path)
		}
	}
	return paths
}

func (g generator) path(pattern string) string {
	for g.oneIn(3) {
		pattern = g.near(pattern)
	}
	var segments []string
	for segment := range strings.SplitSeq(pattern, "/") {
		switch segment {
		case "+":
			segment = g.word()
		case "{namespace}":
			segment = pick(g, namespaces()...).Name
		case "*":
			for range g.IntN(3) {
				segments = append(segments, g.word())
			}
			segment = g.word()
		}
		segments = append(segments, segment)
	}
	if g.oneIn(12) {
		last := len(segments) - 1
		segments[last] = strings.ToUpper(segments[last])
	}
	return strings.Join(segments, "/")
}
