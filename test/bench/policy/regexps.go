package main

import "regexp"

// regexps are anchored expressions over "namespace role path", tried one after
// another.
type regexps []*regexp.Regexp

func prepareRegexps(rules []rule) (func() (judge, error), error) {
	sources := make([]string, len(rules))
	for i, one := range rules {
		namespace, path := regexp.QuoteMeta(one.namespace), regexp.QuoteMeta(one.before)+".+"
		if one.prefix {
			namespace += "[^ ]*"
		}
		if one.after != "" {
			path = regexp.QuoteMeta(one.before) + "[^/]+" + regexp.QuoteMeta(one.after)
		}
		sources[i] = "^" + namespace + " " + regexp.QuoteMeta(one.role) + " " + path + "$"
	}
	return func() (judge, error) {
		compiled := make(regexps, len(sources))
		for i, source := range sources {
			var err error
			if compiled[i], err = regexp.Compile(source); err != nil {
				return nil, err
			}
		}
		return compiled, nil
	}, nil
}

func (s regexps) allows(r request) (bool, error) {
	text := r.namespace + " " + r.role + " " + r.path
	for _, one := range s {
		if one.MatchString(text) {
			return true, nil
		}
	}
	return false, nil
}
