package webhook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/countersign/countersign/api"
	"github.com/countersign/countersign/config"
	"github.com/countersign/countersign/policy"
)

const (
	// impactWithin leaves the most of the webhook's timeout to the rest.
	impactWithin = time.Second
	// maxNamed bounds the objects that a warning names.
	maxNamed = 10
)

// Impact finds the live objects whose verdict a change of policy changes.
type Impact struct {
	// Judge knows the namespaces; its policy is not asked.
	Judge *config.Judge
	// Objects holds the objects, in a cache.
	Objects client.Reader
	// NewLists makes empty lists of them, one for each dialect.
	NewLists func() []client.ObjectList
	Defaults api.Defaults
}

// change is whose verdict differs between two policies.
type change struct {
	denied, allowed []string
	// judged of all objects were looked at in the time there was.
	judged, all int
}

// warnings compares what the two policies say of every object.
func (i *Impact) warnings(ctx context.Context, before, after *policy.Policy) admission.Warnings {
	if before == nil || after == nil || before.Revision() == after.Revision() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, impactWithin)
	defer cancel()
	objects, err := i.list(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "impact of the policy not known")
		return admission.Warnings{"whom the change concerns is not known, the objects cannot be listed: " + err.Error()}
	}
	return i.compare(ctx, objects, before, after).warnings()
}

// list shares the objects with the cache, where nobody changes them, and does
// not wait for the statuses that the sync has just written.
func (i *Impact) list(ctx context.Context) ([]api.Source, error) {
	var objects []api.Source
	for _, list := range i.NewLists() {
		if err := i.Objects.List(ctx, list, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
			return nil, err
		}
		objects = slices.Grow(objects, apimeta.LenList(list))
		if err := api.EachItem(list, func(object api.Source) { objects = append(objects, object) }); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// compare leaves out what cannot be judged, such as an object of a namespace
// that is gone.
func (i *Impact) compare(ctx context.Context, objects []api.Source, before, after *policy.Policy) change {
	now, then := i.judge(before), i.judge(after)
	found := change{all: len(objects)}
	for _, object := range objects {
		claim := object.Claim(i.Defaults)
		was, err := allows(ctx, now, claim)
		is, errThen := allows(ctx, then, claim)
		if ctx.Err() != nil {
			break
		}
		found.judged++
		name := object.GetNamespace() + "/" + object.GetName()
		switch {
		case err != nil || errThen != nil:
		case was && !is:
			found.denied = append(found.denied, name)
		case is && !was:
			found.allowed = append(found.allowed, name)
		}
	}
	return found
}

func (i *Impact) judge(p *policy.Policy) *config.Judge {
	judge := *i.Judge
	judge.Policy = func() *policy.Policy { return p }
	return &judge
}

// allows is true for an object of another backend.
func allows(ctx context.Context, judge *config.Judge, claim *policy.Claim) (bool, error) {
	if claim == nil {
		return true, nil
	}
	verdict, err := judge.Evaluate(ctx, claim)
	return err == nil && verdict.Allowed(), err
}

func (c change) warnings() admission.Warnings {
	var warnings admission.Warnings
	for _, one := range []struct {
		does  string
		names []string
	}{{"denies", c.denied}, {"allows", c.allowed}} {
		if len(one.names) > 0 {
			warnings = append(warnings, fmt.Sprintf("the change newly %s %s: %s", one.does, c.count(len(one.names)), listed(one.names)))
		}
	}
	if c.judged < c.all {
		warnings = append(warnings, fmt.Sprintf("only %d of %d ExternalSecrets were judged in %s", c.judged, c.all, impactWithin))
	}
	return warnings
}

func (c change) count(n int) string {
	noun, least := "ExternalSecrets", ""
	if n == 1 {
		noun = "ExternalSecret"
	}
	if c.judged < c.all {
		least = "at least "
	}
	return fmt.Sprintf("%s%d %s", least, n, noun)
}

// listed are the first names in order; the cache has none.
func listed(names []string) string {
	names = slices.Sorted(slices.Values(names))
	text := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if more := len(names) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
