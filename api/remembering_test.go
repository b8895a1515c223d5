package api

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// counted tells what it was asked, and fails for one name.
type counted struct {
	Surroundings

	asked []string
}

func (c *counted) Find(_ context.Context, to Referent) ([]Guarded, error) {
	c.asked = append(c.asked, to.Name)
	if to.Name == "broken" {
		return nil, errors.New("broken")
	}
	return nil, nil
}

// Each reference is read once, one that could not be read again.
func TestRemember(t *testing.T) {
	around := &counted{}
	remembered := Remember(around)
	for _, name := range []string{"a", "b", "a", "broken", "broken"} {
		if _, err := remembered.Find(t.Context(), Referent{Name: name}); (err != nil) != (name == "broken") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "broken", "broken"}, around.asked); diff != "" {
		t.Error(diff)
	}
}
