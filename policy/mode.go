package policy

// Mode is what becomes of a violation.
type Mode string

// The modes, from strict to silent.
const (
	// Enforce refuses.
	Enforce Mode = "Enforce"
	// Warn lets pass and warns.
	Warn Mode = "Warn"
	// Audit lets pass and records.
	Audit Mode = "Audit"
)

// Valid reports whether m is one of the modes.
func (m Mode) Valid() bool { return m == Enforce || m == Warn || m == Audit }

// Enforcement is the mode of the default deny: what becomes of a read that no
// rule allows. It is the operator's setting, no document can weaken it.
type Enforcement struct {
	Default    Mode            `json:"default"`
	Namespaces map[string]Mode `json:"namespaces,omitempty"`
}

func (e Enforcement) mode(namespace string) Mode {
	if mode, ok := e.Namespaces[namespace]; ok {
		return mode
	}
	return e.Default
}
