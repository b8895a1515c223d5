package main

import (
	"cmp"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

// object is one that asks something of Vault.
type object struct {
	kind schema.GroupVersionKind
	// namespace is empty for an object of the whole cluster.
	namespace, name string
	// asked are the logins that the object needs, with what each is to read.
	// One that is synced here needs one.
	asked []policy.Asked
}

// newObject is nil for an object of another backend than Vault that may pass.
func newObject(kind schema.GroupVersionKind, source, old api.Source, settings *config.Settings) *object {
	claim := settings.Admission(source)
	if claim == nil {
		return nil
	}
	asked := policy.Asked{Claim: claim}
	if old != nil {
		asked.Old = settings.Admission(old)
	}
	return &object{kind: kind, namespace: source.GetNamespace(), name: cmp.Or(source.GetName(), source.GetGenerateName()), asked: []policy.Asked{asked}}
}

// newGuardedObject has nothing asked where Vault is not reached.
func newGuardedObject(kind schema.GroupVersionKind, guarded api.Guarded, claims []*policy.Claim) object {
	o := object{kind: kind, namespace: guarded.GetNamespace(), name: cmp.Or(guarded.GetName(), guarded.GetGenerateName())}
	for _, claim := range claims {
		o.asked = append(o.asked, policy.Asked{Claim: claim})
	}
	return o
}

// String is kind and name, as kubectl prints them.
func (o *object) String() string {
	if o.namespace == "" {
		return fmt.Sprintf("%s %s", shownKind(o.kind), o.name)
	}
	return fmt.Sprintf("%s %s/%s", shownKind(o.kind), o.namespace, o.name)
}

// isUpdate reports whether what the object asked before passes.
func (o *object) isUpdate() bool {
	for _, one := range o.asked {
		if one.Old != nil {
			return true
		}
	}
	return false
}

// shownKind has its group, as kubectl takes it, where a kind that is synced
// here has the same name.
func shownKind(kind schema.GroupVersionKind) string {
	if _, synced := dialectOf(kind); !synced && hasKind(kind.Kind) {
		return kind.GroupKind().String()
	}
	return kind.Kind
}

// namespaceLabels are the labels of namespaces by their names.
type namespaceLabels map[string]map[string]string

// of are those that a namespace has in a cluster.
func (l namespaceLabels) of(namespace string) map[string]string {
	return policy.NamespaceLabels(namespace, l[namespace])
}

// subjects are objects, and what their verdicts depend on besides the policy.
type subjects struct {
	objects []object
	labels  namespaceLabels
	// missing says what was referred to and is not known: verdicts are without
	// it.
	missing []string
}

// tellMissing says what the verdicts leave out.
func (s *subjects) tellMissing(out io.Writer) {
	for _, one := range s.missing {
		_, _ = fmt.Fprintf(out, "countersign: %s\n", one)
	}
}

// judge asks the policy everything that an object asks.
func (s *subjects) judge(p *policy.Policy, o object) policy.Answer {
	whole := &policy.Claim{Namespace: o.namespace}
	verdicts := []*policy.Verdict{{Revision: p.Revision()}}
	for _, one := range o.asked {
		whole.Reads = append(whole.Reads, one.Claim.Reads...)
		verdicts = append(verdicts, p.EvaluateUpdate(one.Claim, s.labels.of(one.Claim.Namespace), one.Old))
	}
	return policy.Answer{Claim: whole, Verdict: policy.Merge(verdicts...)}
}

func (s *subjects) judgeAll(p *policy.Policy) []judged {
	all := make([]judged, len(s.objects))
	for i, o := range s.objects {
		all[i] = judged{o, s.judge(p, o)}
	}
	return all
}
