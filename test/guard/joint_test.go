package guard

import (
	"strings"
	"testing"
)

// Point 3: neither order of creation slips anything through, and a store that
// does not exist yet is no reason to refuse.
func TestStoreAndExternalSecretAreJudgedTogether(t *testing.T) {
	t.Run("store first", func(t *testing.T) {
		n := newTenant(t)
		n.apply(store("vault", "reader"))
		n.apply(external("app", "NS/app"))
		told := n.refused(external("other", "NS/app", "other/app"))
		if !strings.Contains(told, `spec.data[1].remoteRef.key: Forbidden: "secret/data/other/app" with role "reader" is not allowed`) {
			t.Errorf("told %s", told)
		}
	})
	t.Run("ExternalSecret first", func(t *testing.T) {
		n := newTenant(t)
		n.apply(external("app", "NS/app"), external("evil", "other/app"))
		told := n.refused(store("vault", "reader"))
		if !strings.Contains(told, `ExternalSecret[NS/evil].spec.data[0].remoteRef.key: Forbidden: "secret/data/other/app" with role "reader" is not allowed`) || strings.Contains(told, "NS/app]") {
			t.Errorf("told %s", told)
		}
		n.do("", "delete", "externalsecrets.external-secrets.io", "evil", "-n", n.ns)
		n.apply(store("vault", "reader"))
	})
	t.Run("store edited", func(t *testing.T) {
		n := newTenant(t)
		n.apply(store("vault", "reader"), external("app", "NS/app"))
		edited := strings.Replace(store("vault", "reader"), "path: secret", "path: secret/data/other", 1)
		told := n.refused(edited)
		if !strings.Contains(told, "ExternalSecret[NS/app].spec.data[0].remoteRef.key") {
			t.Errorf("told %s", told)
		}
		if told := n.refused(store("vault", "admin")); !strings.Contains(told, `"admin"`) {
			t.Errorf("told %s", told)
		}
	})
}
