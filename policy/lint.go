package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const maxReasonBytes = 200

// Lint checks the union of the documents: errors keep it out of force,
// warnings are for its review. It takes longer than Compile.
func Lint(documents []*Document, settings Settings) Problems {
	documents = sorted(documents)
	problems := check(documents)
	if problems.Err() == nil {
		problems = append(problems, review(documents, settings)...)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems
}

func sorted(documents []*Document) []*Document {
	documents = slices.Clone(documents)
	slices.SortFunc(documents, func(a, b *Document) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Key, b.Key))
	})
	return documents
}

// check finds every error of the union.
func check(documents []*Document) Problems {
	mounts, problems := unionOfMounts(documents)
	names := map[string]bool{}
	for _, document := range documents {
		problems = append(problems, document.problems(checkRules(document, mounts, names), false)...)
	}
	return append(problems, checkSize(documents)...)
}

// unionOfMounts joins the mounts that the documents declare. Two documents may
// declare the same mount, but not differently.
func unionOfMounts(documents []*Document) (map[string]Mount, Problems) {
	var problems Problems
	union := map[string]Mount{}
	for _, document := range documents {
		var errs field.ErrorList
		for _, name := range slices.Sorted(maps.Keys(document.Mounts)) {
			mount, at := document.Mounts[name], field.NewPath("mounts").Key(name)
			errs = append(errs, checkMount(name, mount, at)...)
			if known, ok := union[name]; ok && known != mount {
				errs = append(errs, field.Invalid(at, mount.KV, fmt.Sprintf("another document declares kv: %d", known.KV)))
			}
			union[name] = mount
		}
		problems = append(problems, document.problems(errs, false)...)
	}
	return union, problems
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

func checkRules(document *Document, mounts map[string]Mount, names map[string]bool) field.ErrorList {
	var errs field.ErrorList
	for i := range document.Allow {
		at, rule := field.NewPath("allow").Index(i), &document.Allow[i]
		errs = append(errs, checkRuleName(document.Source, rule.Name, names, at)...)
		errs = append(errs, checkAllowRule(rule, mounts, at)...)
	}
	for i := range document.Deny {
		at, rule := field.NewPath("deny").Index(i), &document.Deny[i]
		errs = append(errs, checkRuleName(document.Source, rule.Name, names, at)...)
		errs = append(errs, checkDenyRule(rule, mounts, at)...)
	}
	return errs
}

// checkRuleName keeps names unique within a ConfigMap: a verdict names a rule
// as configmap/rule.
func checkRuleName(source, name string, seen map[string]bool, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at.Child("name"), "verdicts name the rule")}
	}
	var errs field.ErrorList
	for _, problem := range validation.IsDNS1123Subdomain(name) {
		errs = append(errs, field.Invalid(at.Child("name"), name, problem))
	}
	key := source + "/" + name
	if seen[key] {
		errs = append(errs, field.Duplicate(at.Child("name"), name))
	}
	seen[key] = true
	return errs
}

func checkAllowRule(rule *AllowRule, mounts map[string]Mount, at *field.Path) field.ErrorList {
	errs := checkNamespaces(rule.Namespaces, at.Child("namespaces"))
	errs = append(errs, checkPatterns(rule.Paths, mounts, true, at.Child("paths"))...)
	if len(rule.Roles) == 0 {
		errs = append(errs, field.Required(at.Child("roles"), "name the Vault roles that may be used"))
	}
	errs = append(errs, checkEach(rule.Roles, at.Child("roles"), checkNameTemplate)...)
	errs = append(errs, checkEach(rule.AuthMounts, at.Child("authMounts"), checkNameTemplate)...)
	errs = append(errs, checkEach(rule.AuthMethods, at.Child("authMethods"), checkName)...)
	errs = append(errs, checkEach(rule.Vaults, at.Child("vaults"), checkName)...)
	errs = append(errs, checkEach(rule.VaultNamespaces, at.Child("vaultNamespaces"), checkVaultNamespace)...)
	errs = append(errs, checkOperations(rule.Operations, at.Child("operations"))...)
	return append(errs, checkIdentity(rule.Identity, at.Child("identity"))...)
}

func checkOperations(operations []Operation, at *field.Path) field.ErrorList {
	if operations != nil && len(operations) == 0 {
		return field.ErrorList{field.Required(at, "name read, write or both; left out, it is read")}
	}
	var errs field.ErrorList
	for i, operation := range operations {
		switch {
		case !operation.Valid():
			errs = append(errs, field.NotSupported(at.Index(i), operation, []Operation{OperationRead, OperationWrite}))
		case slices.Contains(operations[:i], operation):
			errs = append(errs, field.Duplicate(at.Index(i), operation))
		}
	}
	return errs
}

func checkEach(names []string, at *field.Path, check func(string, *field.Path) field.ErrorList) field.ErrorList {
	var errs field.ErrorList
	for i, name := range names {
		errs = append(errs, check(name, at.Index(i))...)
	}
	return errs
}

func checkName(name string, at *field.Path) field.ErrorList {
	switch {
	case name == "":
		return field.ErrorList{field.Required(at, "write a name")}
	case strings.ContainsAny(name, "*+{}"):
		return field.ErrorList{field.Invalid(at, name, "write a literal name")}
	}
	return nil
}

// checkVaultNamespace: the root namespace is written as the empty string.
func checkVaultNamespace(name string, at *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	// The shape check wants two segments.
	if problem := shapeProblem(name + "/x"); problem != "" {
		return field.ErrorList{field.Invalid(at, name, problem)}
	}
	return nil
}

func checkIdentity(identity *Identity, at *field.Path) field.ErrorList {
	if identity == nil {
		return nil
	}
	var errs field.ErrorList
	if identity.Namespace != "" {
		for _, problem := range validation.IsDNS1123Label(identity.Namespace) {
			errs = append(errs, field.Invalid(at.Child("namespace"), identity.Namespace, problem))
		}
	}
	for _, problem := range validation.IsDNS1123Subdomain(identity.ServiceAccount) {
		errs = append(errs, field.Invalid(at.Child("serviceAccount"), identity.ServiceAccount, problem))
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
	return checkEach(patterns, at, func(pattern string, at *field.Path) field.ErrorList {
		return checkPattern(pattern, mounts, kvData, at)
	})
}
