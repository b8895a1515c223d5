package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	namespaceVariable = "{namespace}"
	maxWildcards      = 4
)

// checkPattern refuses what could never match or would match by surprise.
func checkPattern(pattern string, mounts map[string]Mount, kvData bool, at *field.Path) field.ErrorList {
	if problem := PatternProblem(pattern); problem != "" {
		return field.ErrorList{field.Invalid(at, pattern, problem)}
	}
	return checkPatternMount(pattern, mounts, kvData, at)
}

// PatternProblem says why a pattern of paths is none; it is empty for a good
// one. Which mounts there are does not matter.
func PatternProblem(pattern string) string {
	segments := strings.Split(pattern, "/")
	if problem := shapeProblem(stripVariables(segments)); problem != "" {
		return problem
	}
	for i, segment := range segments {
		if problem := patternSegmentProblem(segment, i == len(segments)-1); problem != "" {
			return problem
		}
	}
	for _, variable := range []string{"+", namespaceVariable} {
		if count(segments, variable) > maxWildcards {
			return fmt.Sprintf("more than %d segments %q", maxWildcards, variable)
		}
	}
	return ""
}

// stripVariables puts a literal where a variable stands, so that one check of
// the shape serves paths and patterns.
func stripVariables(segments []string) string {
	plain := make([]string, len(segments))
	for i, segment := range segments {
		plain[i] = segment
		if strings.ContainsAny(segment, "+*{}") {
			plain[i] = "x"
		}
	}
	return strings.Join(plain, "/")
}

func patternSegmentProblem(segment string, last bool) string {
	switch {
	case segment == "+" || segment == namespaceVariable:
		return ""
	case segment == "*" && last:
		return ""
	case segment == "*":
		return `"*" stands only as the last segment; write "+" for one segment`
	case segment == "**":
		return `"**" is not a pattern; a final "*" already covers all deeper segments`
	case strings.Contains(segment, "*"):
		return fmt.Sprintf(`%q: "*" stands only as a whole segment; write %q as segments of their own`, segment, "prefix/*")
	case strings.Contains(segment, "+"):
		return fmt.Sprintf(`%q: "+" stands only as a whole segment`, segment)
	case strings.Contains(segment, namespaceVariable):
		return fmt.Sprintf("%q: %s stands only as a whole segment", segment, namespaceVariable)
	case strings.ContainsAny(segment, "{}"):
		return fmt.Sprintf("%q: the only variable is %s", segment, namespaceVariable)
	}
	return ""
}

func checkPatternMount(pattern string, mounts map[string]Mount, kvData bool, at *field.Path) field.ErrorList {
	name, mount, found := mountOf(pattern, mounts)
	if !found {
		return field.ErrorList{field.Invalid(at, pattern,
			"does not start with a declared mount; name it under mounts of this or another document")}
	}
	rest := strings.TrimPrefix(pattern, name+"/")
	// Metadata are allowed where they are written out, and not by a wildcard.
	if kvData && mount.KV == 2 && !strings.HasPrefix(rest, "data/") && !strings.HasPrefix(rest, "metadata/") {
		return field.ErrorList{field.Invalid(at, pattern,
			fmt.Sprintf("values of a KV v2 mount are below %s/data/; write %q", name, name+"/data/"+rest))}
	}
	return nil
}

// mountOf finds the longest declared mount that the pattern's first segments
// spell out.
func mountOf(pattern string, mounts map[string]Mount) (string, Mount, bool) {
	for i := len(pattern) - 1; i > 0; i-- {
		if pattern[i] != '/' {
			continue
		}
		if mount, ok := mounts[pattern[:i]]; ok {
			return pattern[:i], mount, true
		}
	}
	return "", Mount{}, false
}

// MatchesPattern compares one path with one pattern. A trie finds one pattern
// among many.
func MatchesPattern(pattern, path, namespace string) bool {
	itself, _ := compare(pattern, path, namespace)
	return itself
}

// compare reports whether a pattern matches a path itself, and whether it
// matches something below it.
func compare(pattern, path, namespace string) (itself, below bool) {
	for {
		var want, have string
		var more, moreWanted bool
		want, pattern, moreWanted = strings.Cut(pattern, "/")
		have, path, more = strings.Cut(path, "/")
		if want == "*" {
			return true, true
		}
		if want == namespaceVariable {
			want = namespace
		}
		switch {
		case want != "+" && want != have, more && !moreWanted:
			return false, false
		case !more:
			return !moreWanted, moreWanted
		}
	}
}

func count(segments []string, want string) int {
	n := 0
	for _, segment := range segments {
		if segment == want {
			n++
		}
	}
	return n
}

// nameTemplate is a literal with at most one {namespace} in it.
type nameTemplate struct {
	prefix, suffix string
	templated      bool
}

func newNameTemplate(s string) nameTemplate {
	prefix, suffix, templated := strings.Cut(s, namespaceVariable)
	return nameTemplate{prefix: prefix, suffix: suffix, templated: templated}
}

// matches compares without building the expansion.
func (t nameTemplate) matches(s, namespace string) bool {
	if !t.templated {
		return s == t.prefix
	}
	return len(s) == len(t.prefix)+len(namespace)+len(t.suffix) &&
		strings.HasPrefix(s, t.prefix) && strings.HasSuffix(s, t.suffix) &&
		s[len(t.prefix):len(s)-len(t.suffix)] == namespace
}

func (t nameTemplate) expand(namespace string) string {
	if !t.templated {
		return t.prefix
	}
	return t.prefix + namespace + t.suffix
}

func checkNameTemplate(s string, at *field.Path) field.ErrorList {
	plain := strings.Replace(s, namespaceVariable, "x", 1)
	switch {
	case s == "":
		return field.ErrorList{field.Required(at, "write a name")}
	case strings.ContainsAny(plain, "*+{}"):
		return field.ErrorList{field.Invalid(at, s, "write a literal name, with "+namespaceVariable+" at most once in it")}
	}
	return nil
}
