package policy

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// namespaceMatcher is a compiled NamespaceSelector.
type namespaceMatcher struct {
	exact    map[string]bool
	prefixes []string
	labels   map[string]string
	// index is the label under which a trie has the rule; chooseIndexes sets it.
	index label
}

type label struct{ key, value string }

func newNamespaceMatcher(selector NamespaceSelector) *namespaceMatcher {
	m := &namespaceMatcher{exact: map[string]bool{}, labels: selector.MatchLabels}
	for _, name := range selector.Names {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			m.prefixes = append(m.prefixes, prefix)
			continue
		}
		m.exact[name] = true
	}
	return m
}

// chooseIndexes finds each rule under the label that the fewest of them ask
// for: where all ask for env=prod and each for a team, that is the team.
func chooseIndexes(matchers []*namespaceMatcher) {
	wanted := map[label]int{}
	for _, m := range matchers {
		for key, value := range m.labels {
			wanted[label{key, value}]++
		}
	}
	for _, m := range matchers {
		for _, key := range slices.Sorted(maps.Keys(m.labels)) {
			one := label{key, m.labels[key]}
			if m.index == (label{}) || wanted[one] < wanted[m.index] {
				m.index = one
			}
		}
	}
}

func (m *namespaceMatcher) matches(namespace string, labels map[string]string) bool {
	if len(m.labels) > 0 {
		return containsAll(labels, m.labels)
	}
	if m.exact[namespace] {
		return true
	}
	for _, prefix := range m.prefixes {
		if strings.HasPrefix(namespace, prefix) {
			return true
		}
	}
	return false
}

// sample is a name or prefix of the selector: whoever selects all of it is
// found under that, too.
func (m *namespaceMatcher) sample() string {
	for name := range m.exact {
		return name
	}
	if len(m.prefixes) > 0 {
		return m.prefixes[0]
	}
	return ""
}

func containsAll(labels, want map[string]string) bool {
	for key, value := range want {
		if have, ok := labels[key]; !ok || have != value {
			return false
		}
	}
	return true
}

func checkNamespaces(selector NamespaceSelector, at *field.Path) field.ErrorList {
	switch {
	case len(selector.Names) == 0 && len(selector.MatchLabels) == 0:
		return field.ErrorList{field.Required(at, `give names or matchLabels; names: ["*"] is every namespace`)}
	case len(selector.Names) > 0 && len(selector.MatchLabels) > 0:
		return field.ErrorList{field.Invalid(at, "names, matchLabels", "give one of them; write two rules for both")}
	}
	var errs field.ErrorList
	for i, name := range selector.Names {
		if !validNamespaceName(name) {
			errs = append(errs, field.Invalid(at.Child("names").Index(i), name,
				`write a namespace name, or a prefix that ends in "*"`))
		}
	}
	return append(errs, checkLabels(selector.MatchLabels, at.Child("matchLabels"))...)
}

// checkLabels refuses what no namespace can carry.
func checkLabels(labels map[string]string, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		for _, problem := range slices.Concat(validation.IsQualifiedName(key), validation.IsValidLabelValue(labels[key])) {
			errs = append(errs, field.Invalid(at.Key(key), labels[key], problem))
		}
	}
	return errs
}

func validNamespaceName(name string) bool {
	prefix, isPrefix := strings.CutSuffix(name, "*")
	if isPrefix {
		// "team-" is a fine prefix although it is no name.
		prefix += "x"
	}
	return len(validation.IsDNS1123Label(prefix)) == 0
}
