package config

import (
	"maps"
	"net/url"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/policy"
)

func (s *Settings) validate() field.ErrorList {
	var errs field.ErrorList
	if s.APIVersion != policy.APIVersion || s.Kind != settingsKind {
		errs = append(errs, field.Invalid(field.NewPath("kind"), s.APIVersion+" "+s.Kind,
			"want apiVersion: "+policy.APIVersion+" and kind: "+settingsKind))
	}
	vaults := field.NewPath("vaults")
	if _, ok := s.Vaults[DefaultVault]; !ok {
		errs = append(errs, field.Required(vaults.Key(DefaultVault), "claims that name no Vault go there"))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Vaults)) {
		errs = append(errs, s.Vaults[name].validate(vaults.Key(name))...)
	}
	if s.OtherBackends != AdmitOthers && s.OtherBackends != RefuseOthers {
		errs = append(errs, field.NotSupported(field.NewPath("otherBackends"), s.OtherBackends,
			[]OtherBackends{AdmitOthers, RefuseOthers}))
	}
	errs = append(errs, validateDialects(s.Dialects, field.NewPath("dialects"))...)
	if s.MaxPaths < 0 {
		errs = append(errs, field.Invalid(field.NewPath("maxPaths"), s.MaxPaths, "must be positive"))
	}
	return append(errs, validateEnforcement(s.Enforcement, field.NewPath("enforcement"))...)
}

func (v Vault) validate(at *field.Path) field.ErrorList {
	var errs field.ErrorList
	address, err := url.Parse(v.Address)
	if err != nil || address.Host == "" || (address.Scheme != "https" && address.Scheme != "http") {
		errs = append(errs, field.Invalid(at.Child("address"), v.Address, "write https://HOST:PORT"))
	} else if address.User != nil || address.RawQuery != "" || (address.Path != "" && address.Path != "/") {
		errs = append(errs, field.Invalid(at.Child("address"), address.Redacted(), "write scheme, host and port only"))
	}
	if problem := policy.PathProblem("auth/" + v.AuthMount + "/login"); problem != "" {
		errs = append(errs, field.Invalid(at.Child("authMount"), v.AuthMount, "write the mount without slashes around it"))
	}
	if (v.ClientCertFile == "") != (v.ClientKeyFile == "") {
		errs = append(errs, field.Invalid(at.Child("clientCertFile"), v.ClientCertFile, "a client certificate needs both clientCertFile and clientKeyFile"))
	}
	if v.RequestsPerSecond < 0 || v.Burst < 0 {
		errs = append(errs, field.Invalid(at.Child("requestsPerSecond"), v.RequestsPerSecond, "must be positive"))
	}
	if v.Timeout.Duration < 0 {
		errs = append(errs, field.Invalid(at.Child("timeout"), v.Timeout.Duration.String(), "must be positive"))
	}
	return errs
}

func validateDialects(dialects []Dialect, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	known := []Dialect{KES, ESO}
	for i, dialect := range dialects {
		switch {
		case !slices.Contains(known, dialect):
			errs = append(errs, field.NotSupported(at.Index(i), dialect, known))
		case slices.Contains(dialects[:i], dialect):
			errs = append(errs, field.Duplicate(at.Index(i), dialect))
		}
	}
	return errs
}

func validateEnforcement(e policy.Enforcement, at *field.Path) field.ErrorList {
	modes := []policy.Mode{policy.Enforce, policy.Warn, policy.Audit}
	var errs field.ErrorList
	if !e.Default.Valid() {
		errs = append(errs, field.NotSupported(at.Child("default"), e.Default, modes))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Namespaces)) {
		if !e.Namespaces[name].Valid() {
			errs = append(errs, field.NotSupported(at.Child("namespaces").Key(name), e.Namespaces[name], modes))
		}
	}
	return errs
}
