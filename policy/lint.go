package policy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const maxReasonBytes = 200

// unionOfMounts joins the mounts that the documents declare. Two documents may
// declare the same mount, but not differently.
func unionOfMounts(documents []*Document) (map[string]Mount, field.ErrorList) {
	var errs field.ErrorList
	union := map[string]Mount{}
	for _, document := range documents {
		for name, mount := range document.Mounts {
			at := document.path().Child("mounts").Key(name)
			errs = append(errs, checkMount(name, mount, at)...)
			if known, ok := union[name]; ok && known != mount {
				errs = append(errs, field.Invalid(at, mount.KV, fmt.Sprintf("another document declares kv: %d", known.KV)))
			}
			union[name] = mount
		}
	}
	return union, errs
}

func checkMount(name string, mount Mount, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if mount.KV < 0 || mount.KV > 2 {
		errs = append(errs, field.Invalid(at.Child("kv"), mount.KV, "write 1 or 2, or leave it out for another engine"))
	}
	// A path below the mount stands in for the shape check of a whole path.
	if problem := shapeProblem(name + "/x"); problem != "" {
		return append(errs, field.Invalid(at, name, problem))
	}
	for segment := range strings.SplitSeq(name, "/") {
		if isReserved(segment) {
			errs = append(errs, field.Invalid(at, name, fmt.Sprintf("%q is reserved by Vault and never readable", segment)))
		}
	}
	return errs
}

func checkDocuments(documents []*Document, mounts map[string]Mount) field.ErrorList {
	var errs field.ErrorList
	names := map[string]bool{}
	for _, document := range documents {
		for i := range document.Allow {
			at := document.path().Child("allow").Index(i)
			rule := &document.Allow[i]
			errs = append(errs, checkRuleName(document.Source, rule.Name, names, at)...)
			errs = append(errs, checkAllowRule(rule, mounts, at)...)
		}
		for i := range document.Deny {
			at := document.path().Child("deny").Index(i)
			rule := &document.Deny[i]
			errs = append(errs, checkRuleName(document.Source, rule.Name, names, at)...)
			errs = append(errs, checkDenyRule(rule, mounts, at)...)
		}
	}
	return errs
}

// checkRuleName keeps names unique within a ConfigMap: a verdict names a rule
// as configmap/rule.
func checkRuleName(source, name string, seen map[string]bool, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at.Child("name"), "verdicts name the rule")}
	}
	key := source + "/" + name
	if seen[key] {
		return field.ErrorList{field.Duplicate(at.Child("name"), name)}
	}
	seen[key] = true
	return nil
}

func checkAllowRule(rule *AllowRule, mounts map[string]Mount, at *field.Path) field.ErrorList {
	errs := checkNamespaces(rule.Namespaces, at.Child("namespaces"))
	errs = append(errs, checkPatterns(rule.Paths, mounts, true, at.Child("paths"))...)
	if len(rule.Roles) == 0 {
		errs = append(errs, field.Required(at.Child("roles"), "name the Vault roles that may be used"))
	}
	for i, role := range rule.Roles {
		errs = append(errs, checkNameTemplate(role, at.Child("roles").Index(i))...)
	}
	for i, mount := range rule.AuthMounts {
		errs = append(errs, checkNameTemplate(mount, at.Child("authMounts").Index(i))...)
	}
	for i, name := range rule.Vaults {
		if name == "" {
			errs = append(errs, field.Required(at.Child("vaults").Index(i), "name a configured Vault"))
		}
	}
	return errs
}

func checkDenyRule(rule *DenyRule, mounts map[string]Mount, at *field.Path) field.ErrorList {
	errs := checkPatterns(rule.Paths, mounts, false, at.Child("paths"))
	if rule.Namespaces != nil {
		errs = append(errs, checkNamespaces(*rule.Namespaces, at.Child("namespaces"))...)
	}
	if rule.Enforcement != "" && !rule.Enforcement.Valid() {
		errs = append(errs, field.NotSupported(at.Child("enforcement"), rule.Enforcement, []Mode{Enforce, Warn, Audit}))
	}
	if len(rule.Reason) > maxReasonBytes {
		errs = append(errs, field.TooLong(at.Child("reason"), "", maxReasonBytes))
	}
	return errs
}

func checkPatterns(patterns []string, mounts map[string]Mount, kvData bool, at *field.Path) field.ErrorList {
	if len(patterns) == 0 {
		return field.ErrorList{field.Required(at, "name the paths")}
	}
	var errs field.ErrorList
	for i, pattern := range patterns {
		errs = append(errs, checkPattern(pattern, mounts, kvData, at.Index(i))...)
	}
	return errs
}
