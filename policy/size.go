package policy

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxPairs bounds what a policy takes when compiled, some 100 bytes for each
// pair. The union of all documents shares it.
const maxPairs = 500_000

// checkSize refuses a union that would compile to far more than its text: each
// path of a rule is found under each namespace of the rule.
func checkSize(documents []*Document) Problems {
	pairs := 0
	for _, document := range documents {
		for i := range document.Allow {
			rule := &document.Allow[i]
			if pairs += pairsOf(rule.Paths, &rule.Namespaces); pairs > maxPairs {
				return document.problems(tooManyPairs(field.NewPath("allow").Index(i)), false)
			}
		}
		for i := range document.Deny {
			rule := &document.Deny[i]
			if pairs += pairsOf(rule.Paths, rule.Namespaces); pairs > maxPairs {
				return document.problems(tooManyPairs(field.NewPath("deny").Index(i)), false)
			}
		}
	}
	return nil
}

func pairsOf(paths []string, namespaces *NamespaceSelector) int {
	if namespaces == nil {
		return len(paths)
	}
	return len(paths) * max(1, len(namespaces.Names))
}

func tooManyPairs(at *field.Path) field.ErrorList {
	return field.ErrorList{field.Forbidden(at.Child("namespaces"),
		fmt.Sprintf("with this rule the policy has more than %d pairs of a path and a namespace; select namespaces by a prefix or a label", maxPairs))}
}
