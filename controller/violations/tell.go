package violations

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/policy"
)

const (
	reasonDenied  = "PolicyDenied"
	reasonAllowed = "PolicyAllows"
)

// tell says once what is wrong with an object, and once that it no longer is.
func (r *run) tell(one item, object api.Guarded, verdict *policy.Verdict) {
	said := said(verdict)
	r.Metrics.set(one, said != "")
	if said == r.told[one] {
		return
	}
	logger := r.logger.WithValues("kind", one.kind.Kind, "namespace", one.key.Namespace, "name", one.key.Name, "revision", verdict.Revision)
	if said == "" {
		delete(r.told, one)
		r.Recorder.Eventf(object, nil, corev1.EventTypeNormal, reasonAllowed, "Guard", "policy allows all that it asks for")
		logger.Info("stands in violation no more")
		return
	}
	r.told[one] = said
	r.Recorder.Eventf(object, nil, corev1.EventTypeWarning, reasonDenied, "Guard", "%s", api.Bounded("it stands although policy denies it: "+said))
	logger.Info("stands in violation", "violations", said)
}

// said is empty where nothing is denied.
func said(verdict *policy.Verdict) string {
	var lines []string
	for _, denial := range verdict.Denials() {
		lines = append(lines, denial.Error())
	}
	return strings.Join(lines, "; ")
}
