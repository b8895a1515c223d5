package config

import (
	"errors"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign/countersign/policy"
)

// entry is the policy of one ConfigMap: its text, and what was parsed of it.
type entry struct {
	data      map[string]string
	documents []*policy.Document
}

func parseEntry(name string, data map[string]string) (entry, error) {
	documents, err := policy.ParseData(name, data)
	return entry{data: data, documents: documents}, err
}

func (e entry) equal(other entry) bool { return maps.Equal(e.data, other.data) }

// entries are by the name of the ConfigMap.
type entries map[string]entry

func (e entries) union() []*policy.Document {
	var union []*policy.Document
	for _, name := range slices.Sorted(maps.Keys(e)) {
		union = append(union, e[name].documents...)
	}
	return union
}

// with has the one entry as it is wanted, or no more.
func (e entries) with(name string, wanted entries) entries {
	changed := maps.Clone(e)
	delete(changed, name)
	if entry, ok := wanted[name]; ok {
		changed[name] = entry
	}
	return changed
}

// changes are the names of what differs, in order.
func (e entries) changes(wanted entries) []string {
	var names []string
	for name, entry := range wanted {
		if known, ok := e[name]; !ok || !known.equal(entry) {
			names = append(names, name)
		}
	}
	for name := range e {
		if _, ok := wanted[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// lastGood is what was last in force. Zero, nothing ever was.
type lastGood struct {
	entries entries
	policy  *policy.Policy
}

func compile(wanted entries, settings policy.Settings) (*lastGood, error) {
	if len(wanted) == 0 {
		return nil, errors.New("no policy ConfigMap is left; write \"allow: []\" to deny everything")
	}
	compiled, err := policy.Compile(wanted.union(), settings)
	if err != nil {
		return nil, err
	}
	return &lastGood{entries: wanted, policy: compiled}, nil
}

// Preview is what ConfigMaps make of the policy in force.
type Preview struct {
	// Failed says by ConfigMap why it is not taken in as it stands. A deleted
	// one can be among them. The empty name is that of all together.
	Failed map[string]error

	good *lastGood
}

// Policy is the one that is in force then; nil if there is none.
func (p *Preview) Policy() *policy.Policy { return p.good.policy }

// Documents are those that the policy is made of.
func (p *Preview) Documents() []*policy.Document { return p.good.entries.union() }

// take takes in the ConfigMaps as they stand. Where that is not possible, each
// of their changes is taken in that compiles without the others; the other
// ConfigMaps stay as they last were. It depends on nothing but what was in
// force and what stands, so that all replicas come to the same.
func (g *lastGood) take(configMaps []corev1.ConfigMap, settings policy.Settings) *Preview {
	wanted, failed := g.wanted(configMaps)
	if g.policy == nil {
		return takeFirst(wanted, failed, settings)
	}
	pending := g.entries.changes(wanted)
	if len(pending) == 0 {
		return &Preview{good: g, Failed: failed}
	}
	all, err := compile(wanted, settings)
	switch {
	case err == nil:
		return &Preview{good: all, Failed: failed}
	case len(wanted) == 0:
		// Of a policy that is going away no half may stay in force.
		for _, name := range pending {
			failed[name] = err
		}
		return &Preview{good: g, Failed: failed}
	}
	return g.takeEach(pending, wanted, failed, settings)
}

// wanted are the entries to be in force: those of a ConfigMap that does not
// parse stay as they were.
func (g *lastGood) wanted(configMaps []corev1.ConfigMap) (entries, map[string]error) {
	wanted, failed := entries{}, map[string]error{}
	for i := range configMaps {
		name, data := configMaps[i].Name, configMaps[i].Data
		known, ok := g.entries[name]
		if ok && maps.Equal(known.data, data) {
			wanted[name] = known
			continue
		}
		parsed, err := parseEntry(name, data)
		switch {
		case err == nil:
			wanted[name] = parsed
		case ok:
			wanted[name] = known
		}
		if err != nil {
			failed[name] = err
		}
	}
	return wanted, failed
}

// takeFirst takes all or nothing: a bad ConfigMap may be the one with the deny
// rules.
func takeFirst(wanted entries, failed map[string]error, settings policy.Settings) *Preview {
	all, err := compile(wanted, settings)
	if err == nil && len(failed) == 0 {
		return &Preview{good: all}
	}
	var problems policy.Problems
	switch {
	case errors.As(err, &problems):
		for _, problem := range problems {
			failed[problem.Source] = append(problemsOf(failed[problem.Source]), problem)
		}
	case err != nil && len(failed) == 0:
		failed[""] = err
	}
	return &Preview{good: &lastGood{}, Failed: failed}
}

func problemsOf(err error) policy.Problems {
	var problems policy.Problems
	errors.As(err, &problems)
	return problems
}

// takeEach goes over the changes until none is left that compiles: one may wait
// for another that comes later by name.
func (g *lastGood) takeEach(pending []string, wanted entries, failed map[string]error, settings policy.Settings) *Preview {
	good := g
	for progress := true; progress; {
		progress = false
		pending = slices.DeleteFunc(pending, func(name string) bool {
			next, err := compile(good.entries.with(name, wanted), settings)
			if err != nil {
				failed[name] = err
				return false
			}
			good, progress = next, true
			delete(failed, name)
			return true
		})
	}
	return &Preview{good: good, Failed: failed}
}
