package v1

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/countersign/countersign/api"
)

// Target is the Secret that is made.
type Target struct {
	Name           string `json:"name,omitempty"`
	CreationPolicy string `json:"creationPolicy,omitempty"`
	Immutable      bool   `json:"immutable,omitempty"`
}

// source is where values are read.
type source struct {
	door   api.Door
	engine engine
}

func (*ExternalSecret) render(context.Context, func(StoreRef) source, func(context.Context, api.DataRef) (map[string][]byte, error)) (*api.Content, error) {
	return nil, errors.New("not rendered yet")
}

func (*ExternalSecretSpec) syncProblems(*field.Path) field.ErrorList { return nil }
