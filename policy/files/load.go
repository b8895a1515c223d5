package files

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/countersign/countersign/policy"
)

// Load reads the policy documents of each path (see Parts). Objects of other
// kinds are passed over, but each path has to hold policy. Mistakes come as
// policy.Problems, all of them; any other error is of reading.
func Load(stdin io.Reader, paths ...string) ([]*policy.Document, error) {
	l := loader{}
	for _, path := range paths {
		parts, err := Parts(stdin, path)
		if err != nil {
			return nil, err
		}
		if !l.take(parts) {
			return nil, fmt.Errorf("%s: neither an AccessPolicy nor a ConfigMap with one", path)
		}
	}
	return l.documents, l.problems.Err()
}

// Glob is Load for the files that a pattern finds. Not each of them, but one at
// least has to hold policy.
func Glob(pattern string) ([]*policy.Document, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, err)
	}
	var found []Part
	for _, path := range paths {
		parts, err := Parts(nil, path)
		if err != nil {
			return nil, err
		}
		found = append(found, parts...)
	}
	l := loader{}
	if !l.take(found) {
		return nil, fmt.Errorf("%s: finds neither an AccessPolicy nor a ConfigMap with one", pattern)
	}
	return l.documents, l.problems.Err()
}

// loader collects what is found.
type loader struct {
	documents []*policy.Document
	problems  policy.Problems
}

// take reports whether there is policy in some parts, good or bad.
func (l *loader) take(parts []Part) bool {
	before := len(l.documents) + len(l.problems)
	for _, part := range parts {
		l.part(part)
	}
	return len(l.documents)+len(l.problems) > before
}

// add takes a parsed document, or what is wrong with it.
func (l *loader) add(document *policy.Document, err error) {
	if problems, ok := errors.AsType[policy.Problems](err); ok {
		l.problems = append(l.problems, problems...)
		return
	}
	l.documents = append(l.documents, document)
}

// sourceOf names the rules of a raw document: the file's name without its
// extension.
func sourceOf(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
