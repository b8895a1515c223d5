package esocorpus

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// check finds what a reader would stumble over.
func (c *Case) check() error {
	var errs []error
	if c.About == "" {
		errs = append(errs, errors.New("no about"))
	}
	if !slices.ContainsFunc(c.Objects, func(object unstructured.Unstructured) bool { return object.GetKind() == "ExternalSecret" }) {
		errs = append(errs, errors.New("no ExternalSecret"))
	}
	for _, path := range c.paths() {
		if !c.owns(path) {
			errs = append(errs, fmt.Errorf("%s: another case may hold that", path))
		}
	}
	errs = append(errs, c.Differs.check())
	return errors.Join(errs...)
}

func (d *Difference) check() error {
	if d == nil {
		return nil
	}
	ways := 0
	for _, way := range []bool{d.Refused != "", d.Unread, d.Want != nil} {
		if way {
			ways++
		}
	}
	if d.Because == "" || ways != 1 {
		return errors.New("differs needs because, and one of refused, unread and want")
	}
	return nil
}

// shared mounts: KV version 2, and version 1.
func shared() []string { return []string{"secret", "legacy"} }

// owns what is below its name in a shared mount, and the mount of its name.
func (c *Case) owns(path string) bool {
	mount, rest, _ := strings.Cut(path, "/")
	return mount == c.Name || slices.Contains(shared(), mount) && strings.HasPrefix(rest+"/", c.Name+"/")
}

// readyOf is what an ExternalSecret has to say.
func (o *Outcome) readyOf(name string) Ready {
	if other, differs := o.Others[name]; differs {
		return other
	}
	return o.Ready
}

// hasMount reports whether there is a mount of the case's own name.
func (c *Case) hasMount() bool {
	return slices.ContainsFunc(c.paths(), func(path string) bool { return strings.HasPrefix(path, c.Name+"/") })
}

// paths that the case gives to Vault or takes away.
func (c *Case) paths() []string {
	paths := slices.Collect(maps.Keys(c.Vault))
	for _, step := range c.Then {
		paths = slices.Concat(paths, slices.Collect(maps.Keys(step.Vault)), step.Gone)
	}
	return paths
}
