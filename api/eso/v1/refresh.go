package v1

import "time"

// Refresh policies of ESO.
// https://external-secrets.io/latest/api/externalsecret/#refresh-policy
const (
	refreshCreatedOnce = "CreatedOnce"
	refreshOnChange    = "OnChange"
	refreshPeriodic    = "Periodic"
)

// StampWarning says why ESO pays no heed to a stamp; it is empty where ESO does.
func (e *ExternalSecret) StampWarning() string {
	const instead = "; set spec.refreshPolicy: OnChange to have it read when a change was admitted, and only then"
	switch {
	case e.Spec.RefreshPolicy == refreshCreatedOnce:
		return "External Secrets Operator reads an ExternalSecret of refreshPolicy CreatedOnce once, and neither a change nor a resync makes it read again" + instead
	case e.Spec.RefreshPolicy != refreshOnChange && isZero(e.Spec.RefreshInterval):
		return "External Secrets Operator reads an ExternalSecret of refreshInterval 0 once, and neither a change nor a resync makes it read again" + instead
	}
	return ""
}

// isZero is false for an interval that is left out: ESO has a default.
func isZero(interval string) bool {
	parsed, err := time.ParseDuration(interval)
	return err == nil && parsed <= 0
}
