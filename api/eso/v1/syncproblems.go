package v1

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// leaveToESO ends what is told of a field that Countersign does not do.
const leaveToESO = "leave it out, or refer to a store that External Secrets Operator syncs"

// syncProblems is what Countersign cannot do of an object, or could never make a
// Secret of. It is told at admission.
func (s *ExternalSecretSpec) syncProblems(at *field.Path) field.ErrorList {
	var problems field.ErrorList
	if s.SyncWindows != nil {
		problems = append(problems, field.Forbidden(at.Child("syncWindows"), "Countersign reads when something changes, and has no windows; "+leaveToESO))
	}
	if len(s.Data) == 0 && len(s.DataFrom) == 0 {
		problems = append(problems, field.Required(at, "write data or dataFrom"))
	}
	problems = append(problems, s.refreshProblems(at)...)
	problems = append(problems, s.dataProblems(at.Child("data"))...)
	for i := range s.DataFrom {
		item, at := &s.DataFrom[i], at.Child("dataFrom").Index(i)
		problems = append(problems, s.sourceProblems(item.SourceRef, at)...)
		problems = append(problems, item.problems(at)...)
	}
	return append(problems, s.Target.problems(at.Child("target"))...)
}

func (s *ExternalSecretSpec) refreshProblems(at *field.Path) field.ErrorList {
	problems := oneOf(at.Child("refreshPolicy"), s.RefreshPolicy, refreshPeriodic, refreshOnChange, refreshCreatedOnce)
	if s.RefreshInterval == "" {
		return problems
	}
	if _, err := time.ParseDuration(s.RefreshInterval); err != nil {
		problems = append(problems, field.Invalid(at.Child("refreshInterval"), s.RefreshInterval, "no duration; write 1h30m"))
	}
	return problems
}

func (s *ExternalSecretSpec) dataProblems(at *field.Path) field.ErrorList {
	var problems field.ErrorList
	seen := map[string]bool{}
	for i := range s.Data {
		item, at := &s.Data[i], at.Index(i)
		problems = append(problems, keyProblems(item.SecretKey, at.Child("secretKey"))...)
		// The last of those that Vault holds is taken where others may be missing.
		if seen[item.SecretKey] && !s.Target.leavesOut() {
			problems = append(problems, field.Duplicate(at.Child("secretKey"), item.SecretKey))
		}
		seen[item.SecretKey] = true
		problems = append(problems, s.sourceProblems(item.SourceRef, at)...)
		problems = append(problems, item.RemoteRef.problems(at.Child("remoteRef"))...)
	}
	return problems
}

func keyProblems(key string, at *field.Path) field.ErrorList {
	if key == "" {
		return field.ErrorList{field.Required(at, "give the value a key in the Secret")}
	}
	var problems field.ErrorList
	for _, problem := range validation.IsConfigMapKey(key) {
		problems = append(problems, field.Invalid(at, key, problem))
	}
	return problems
}

// sourceProblems: each entry has a store, its own or that of the spec.
func (s *ExternalSecretSpec) sourceProblems(own *SourceRef, at *field.Path) field.ErrorList {
	switch {
	case own != nil && own.GeneratorRef != nil:
		return field.ErrorList{field.Forbidden(at.Child("sourceRef", "generatorRef"), "Countersign runs no generators; "+leaveToESO)}
	case own != nil && own.StoreRef == nil:
		return field.ErrorList{field.Required(at.Child("sourceRef", "storeRef"), "name a store, or leave sourceRef out")}
	case s.storeOf(own).Name == "":
		return field.ErrorList{field.Required(at, "name a store under secretStoreRef, or under sourceRef here")}
	}
	return nil
}

func (r *RemoteRef) problems(at *field.Path) field.ErrorList {
	problems := r.Strategies.problems(at)
	problems = append(problems, oneOf(at.Child("metadataPolicy"), r.MetadataPolicy, policyNone, "Fetch")...)
	if r.Version != "" && kvVersion(r.Version) == 0 && r.Version != "0" {
		problems = append(problems, field.Invalid(at.Child("version"), r.Version, "no version of KV v2; write a number"))
	}
	return problems
}

func (s *Strategies) problems(at *field.Path) field.ErrorList {
	return slices.Concat(
		oneOf(at.Child("conversionStrategy"), s.ConversionStrategy, "Default", "Unicode"),
		decodingProblems(at.Child("decodingStrategy"), s.DecodingStrategy),
		oneOf(at.Child("nullBytePolicy"), s.NullBytePolicy, "Ignore", "Fail"),
	)
}

func decodingProblems(at *field.Path, strategy string) field.ErrorList {
	return oneOf(at, strategy, policyNone, "Base64", "Base64URL", "Auto")
}

func (d *DataFromItem) problems(at *field.Path) field.ErrorList {
	var problems field.ErrorList
	switch {
	case d.SourceRef != nil && d.SourceRef.GeneratorRef != nil:
	case d.Extract == nil && d.Find == nil:
		problems = append(problems, field.Required(at, "write extract or find"))
	case d.Extract != nil && d.Find != nil:
		problems = append(problems, field.Forbidden(at.Child("find"), "extract stands there too; give each an entry of its own"))
	}
	if d.Extract != nil {
		problems = append(problems, d.Extract.problems(at.Child("extract"))...)
	}
	if d.Find != nil {
		problems = append(problems, d.Find.problems(at.Child("find"))...)
	}
	for i := range d.Rewrite {
		problems = append(problems, d.Rewrite[i].problems(at.Child("rewrite").Index(i))...)
	}
	return problems
}

func (f *Find) problems(at *field.Path) field.ErrorList {
	problems := f.Strategies.problems(at)
	if f.Name == nil {
		return problems
	}
	problems = append(problems, unknownOrMalformed(f.Name.Unknown, f.Name.Malformed, at.Child("name"))...)
	return append(problems, regularProblems(f.Name.RegExp, at.Child("name", "regexp"))...)
}

func unknownOrMalformed(unknown []string, malformed bool, at *field.Path) field.ErrorList {
	if malformed {
		return field.ErrorList{field.Invalid(at, "", "not as the CRD of External Secrets Operator has it")}
	}
	var problems field.ErrorList
	for _, name := range unknown {
		joint := "."
		if strings.HasPrefix(name, "[") {
			joint = ""
		}
		problems = append(problems, field.Forbidden(field.NewPath(at.String()+joint+name), "Countersign does not know this field; "+leaveToESO))
	}
	return problems
}

// oneOf takes an empty value for the default.
func oneOf(at *field.Path, value string, known ...string) field.ErrorList {
	if value == "" || slices.Contains(known, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(at, value, known)}
}
