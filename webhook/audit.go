package webhook

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/policy"
)

// The audit annotations. The apiserver puts the webhook's name before them:
// enforce.countersign.dev/verdict.
const (
	auditVerdict  = "verdict"
	auditRule     = "rule"
	auditRevision = "revision"
)

// maxAuditRules bounds what one annotation names.
const maxAuditRules = 10

// audited writes what a typed validator records into the audit annotations of
// its answer, which it has no hold of itself.
type audited struct{ handler admission.Handler }

type recordKey struct{}

// Handle is the validator's, with annotations.
func (a audited) Handle(ctx context.Context, request admission.Request) admission.Response {
	annotations := map[string]string{}
	response := a.handler.Handle(context.WithValue(ctx, recordKey{}, annotations), request)
	response.AuditAnnotations = annotations
	return response
}

// record has no effect outside of audited.
func record(ctx context.Context, verdict *policy.Verdict) {
	annotations, ok := ctx.Value(recordKey{}).(map[string]string)
	if !ok {
		return
	}
	annotations[auditVerdict] = string(verdict.Outcome())
	annotations[auditRule] = rulesOf(verdict)
	annotations[auditRevision] = verdict.Revision
}

// rulesOf are the deny rules that matched and the allow rules that granted.
func rulesOf(verdict *policy.Verdict) string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for i := range verdict.Violations {
		add(verdict.Violations[i].Rule)
	}
	for _, grant := range verdict.Grants {
		add(grant.Rule)
	}
	if more := len(names) - maxAuditRules; more > 0 {
		names = append(names[:maxAuditRules], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
