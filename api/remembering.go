package api

import "context"

// remembering is for many objects that refer to the same.
// +kubebuilder:object:generate=false
type remembering struct {
	Surroundings

	found map[Referent][]Guarded
}

// Remember has each reference read once. It is not for concurrent use.
func Remember(around Surroundings) Surroundings {
	return &remembering{Surroundings: around, found: map[Referent][]Guarded{}}
}

// Find implements Surroundings.
func (r *remembering) Find(ctx context.Context, to Referent) ([]Guarded, error) {
	if objects, known := r.found[to]; known {
		return objects, nil
	}
	objects, err := r.Surroundings.Find(ctx, to)
	if err == nil {
		r.found[to] = objects
	}
	return objects, err
}
