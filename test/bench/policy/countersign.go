package main

import (
	"fmt"
	"strings"

	"github.com/countersign/countersign/policy"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxRules of these fill one ConfigMap, which holds at most 1 MiB.
const maxRules = 7500

// documents are the rules as a person would write them.
func documents(rules []rule) []string {
	var texts []string
	for start := 0; start < len(rules); start += maxRules {
		var text strings.Builder
		text.WriteString("apiVersion: countersign.dev/v1alpha1\nkind: AccessPolicy\nmounts: {secret: {kv: 2}}\nallow:\n")
		for i, one := range rules[start:min(start+maxRules, len(rules))] {
			namespace, path := one.namespace, one.before+"*"
			if one.prefix {
				namespace += "*"
			}
			if one.after != "" {
				path = one.before + "+" + one.after
			}
			fmt.Fprintf(&text, "- {name: rule-%d, namespaces: {names: [%q]}, paths: [%q], roles: [%q]}\n", start+i, namespace, path, one.role)
		}
		texts = append(texts, text.String())
	}
	return texts
}

func parse(texts []string) ([]*policy.Document, error) {
	var parsed []*policy.Document
	for i, text := range texts {
		document, err := policy.Parse(fmt.Sprintf("policy-%d", i), "policy.yaml", []byte(text))
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, document)
	}
	return parsed, nil
}

func prepareCountersign(rules []rule) (func() (judge, error), error) {
	parsed, err := parse(documents(rules))
	if err != nil {
		return nil, err
	}
	settings := policy.Settings{
		Enforcement: policy.Enforcement{Default: policy.Enforce}, DefaultVault: "default",
		DefaultAuthMounts: map[string]string{"default": "kubernetes"}, MaxPaths: 100,
	}
	return func() (judge, error) {
		compiled, err := policy.Compile(parsed, settings)
		return &countersign{compiled, field.NewPath("spec", "key"), field.NewPath("spec", "vaultRole")}, err
	}, nil
}

type countersign struct {
	policy     *policy.Policy
	path, role *field.Path
}

// allows is all that the webhook does with a claim: canonical path, reserved
// paths, deny rules, allow rules, and a message where it denies.
func (c *countersign) allows(r request) (bool, error) {
	verdict := c.policy.Evaluate(&policy.Claim{
		Namespace: r.namespace, Vault: "default", AuthMount: "kubernetes", Role: r.role, RoleField: c.role,
		Reads: []policy.Read{{Path: r.path, Field: c.path}},
	}, nil)
	return verdict.Allowed(), nil
}
