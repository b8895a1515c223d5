package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// purpose is what a part of the work is for. It is recognised by functions that
// call whatever takes the time, or are it.
type purpose struct {
	name    string
	callers []string
}

// other is what no purpose is known of.
const other = "the rest: network, scheduler, start"

const (
	reconciler = "countersign/controller.(*Reconciler)."
	informer   = "client-go/tools/cache."
)

// purposes of a sync, the more special first.
func syncPurposes() []purpose {
	return []purpose{
		{"collecting garbage", []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep"}},
		{"reading Vault", []string{"countersign/controller.(*door)", "countersign/controller/vault", "hashicorp/vault/api"}},
		{"writing the Secret", []string{reconciler + "write"}},
		{"writing the status", []string{reconciler + "save"}},
		{"telling events", []string{reconciler + "emit"}},
		{"the rest of a reconcile: judge, compare, log", []string{reconciler + "Reconcile"}},
		{"following the apiserver: decoding, caches", []string{informer, "controller-runtime/pkg/cache", "apimachinery/pkg/watch"}},
		{"the queue", []string{"controller/fairqueue", "controller-runtime/pkg/internal/controller"}},
		{"HTTP to the apiserver and to Vault", []string{"net/http"}},
	}
}

// admissionPurposes are those of a call of the webhooks.
func admissionPurposes() []purpose {
	return []purpose{
		{"collecting garbage", []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep"}},
		{"the verdict", []string{"countersign/policy.", "countersign/config.(*Judge)"}},
		{"the stamp", []string{"countersign/webhook.(*Stamp)"}},
		{"enforcing: decoding the object, and the rest", []string{"countersign/webhook.byKind", "countersign/webhook.audited"}},
		{"the envelope: AdmissionReview, patches, logs", []string{"webhook/admission.(*Webhook)"}},
		{"HTTP and TLS", []string{"net/http", "crypto/tls"}},
	}
}

// share of a profile.
type share struct {
	name  string
	value int64
}

// byPurpose sums the last value of the samples: nanoseconds, or bytes in use.
func byPurpose(p *profile.Profile, purposes []purpose) []share {
	return sum(p, func(s *profile.Sample) string {
		names := functions(s)
		for _, one := range purposes {
			if slices.ContainsFunc(names, one.has) {
				return one.name
			}
		}
		return other
	})
}

func (p purpose) has(function string) bool {
	return slices.ContainsFunc(p.callers, func(caller string) bool { return strings.Contains(function, caller) })
}

// byFunction sums what functions take themselves.
func byFunction(p *profile.Profile) []share {
	return sum(p, func(s *profile.Sample) string { return functions(s)[0] })
}

func sum(p *profile.Profile, nameOf func(*profile.Sample) string) []share {
	sums := map[string]int64{}
	for _, s := range p.Sample {
		sums[nameOf(s)] += s.Value[len(s.Value)-1]
	}
	var shares []share
	for name, value := range sums {
		if value > 0 {
			shares = append(shares, share{name, value})
		}
	}
	slices.SortFunc(shares, func(a, b share) int { return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.name, b.name)) })
	return shares
}

// functions of a stack, the innermost first.
func functions(s *profile.Sample) []string {
	var names []string
	for _, location := range s.Location {
		for _, line := range location.Line {
			names = append(names, line.Function.Name)
		}
	}
	if len(names) == 0 {
		return []string{"unknown"}
	}
	return names
}
