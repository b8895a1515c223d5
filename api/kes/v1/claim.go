package v1

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

// Claim is what the object asks of Vault; nil for another backend. Every field
// that carries a path, a role or a mount goes into it.
func (e *ExternalSecret) Claim(defaults api.Defaults) *policy.Claim {
	if e.Spec.BackendType != BackendVault {
		return nil
	}
	spec := field.NewPath("spec")
	claim := &policy.Claim{
		Namespace:      e.Namespace,
		Vault:          defaults.Vault,
		VaultNamespace: defaults.VaultNamespace,
		AuthMount:      cmp.Or(e.Spec.VaultMountPoint, defaults.AuthMount),
		Role:           cmp.Or(e.Spec.VaultRole, defaults.Role),
		RoleField:      spec.Child("vaultRole"),
	}
	claim.Problems = append(claim.Problems, mountProblems(claim.AuthMount, spec.Child("vaultMountPoint"))...)
	claim.Problems = append(claim.Problems, roleProblems(claim.Role, spec.Child("vaultRole"))...)
	claim.Problems = append(claim.Problems, resyncProblems(e.Annotations[api.Resync])...)
	e.addReads(claim, spec)
	_, problems := e.template()
	claim.Problems = append(claim.Problems, problems...)
	return claim
}

func (e *ExternalSecret) addReads(claim *policy.Claim, spec *field.Path) {
	for i := range e.Spec.Data {
		at := spec.Child("data").Index(i)
		claim.Problems = append(claim.Problems, e.Spec.Data[i].problems(at)...)
		addRead(claim, e.Spec.Data[i].Key, at.Child("key"))
	}
	for i, key := range e.Spec.DataFrom {
		addRead(claim, key, spec.Child("dataFrom").Index(i))
	}
	for i := range e.Spec.DataFromWithOptions {
		addRead(claim, e.Spec.DataFromWithOptions[i].Key, spec.Child("dataFromWithOptions").Index(i).Child("key"))
	}
}

func addRead(claim *policy.Claim, key string, at *field.Path) {
	address := addressOf(key)
	claim.Reads = append(claim.Reads, policy.Read{Path: address.Path, Version: address.Version, Field: at})
}

// addressOf is what a key asks for. Claim and Render share it, so that what
// was judged is what is used.
func addressOf(key string) api.Address {
	path, version := policy.SplitVersion(key)
	return api.Address{Path: path, Version: version}
}

func (d *DataItem) problems(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if d.Path != "" {
		errs = append(errs, field.Forbidden(at.Child("path"), "the vault backend cannot list a path; name each secret by its key"))
	}
	if d.Property != nil {
		errs = append(errs, propertyProblems(*d.Property, at.Child("property"))...)
	}
	if d.IsBinary && d.Property == nil {
		errs = append(errs, field.Invalid(at.Child("isBinary"), true, "the whole secret is JSON and no base64; name a property"))
	}
	if d.Name == "" {
		return append(errs, field.Required(at.Child("name"), "give the value a key in the Secret"))
	}
	for _, problem := range validation.IsConfigMapKey(d.Name) {
		errs = append(errs, field.Invalid(at.Child("name"), d.Name, problem))
	}
	return errs
}

// mountProblems keeps an auth mount from leaving auth/<mount>/login: it is
// part of a path too.
func mountProblems(mount string, at *field.Path) field.ErrorList {
	if problem := policy.PathProblem("auth/" + mount + "/login"); problem != "" {
		return field.ErrorList{field.Invalid(at, mount, "not the mount of an auth method; write it without slashes around it")}
	}
	return nil
}

func roleProblems(role string, at *field.Path) field.ErrorList {
	const maxRole = 253
	if len(role) > maxRole {
		return field.ErrorList{field.TooLong(at, "", maxRole)}
	}
	return nil
}

func resyncProblems(value string) field.ErrorList {
	if len(value) <= api.MaxResyncBytes {
		return nil
	}
	at := field.NewPath("metadata", "annotations").Key(api.Resync)
	return field.ErrorList{field.Invalid(at, fmt.Sprintf("%d bytes", len(value)),
		fmt.Sprintf("at most %d bytes; a commit hash or a timestamp will do", api.MaxResyncBytes))}
}
