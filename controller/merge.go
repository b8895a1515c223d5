package controller

import (
	"crypto/sha256"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign/countersign/api"
)

// managerOf owns what one object adds to a Secret that others add to as well.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers
func managerOf(source api.Synced) string {
	const longest = 128
	name := FieldManager + "/" + source.GetName()
	if len(name) > longest {
		name = fmt.Sprintf("%s/%x", FieldManager, sha256.Sum256([]byte(source.GetName())))
	}
	return name
}

// takenError: what is to be added is somebody else's, and has another value.
type takenError struct {
	secret, adopt string
	fields        []string
}

// taken is nil for every other error. The apiserver names fields and managers,
// and no value.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
func taken(this *attempt, err error) *takenError {
	var fields []string
	for _, cause := range causesOf(err) {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			fields = append(fields, fmt.Sprintf("%s (%s)", cause.Field, cause.Message))
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return &takenError{secret: this.source.SecretName(), adopt: this.source.GetName(), fields: fields}
}

func (e *takenError) Error() string {
	return fmt.Sprintf("Secret %s has other values there that somebody else owns: %s; remove them, or annotate the Secret with %s=%s to have them replaced",
		e.secret, strings.Join(e.fields, ", "), api.Adopt, e.adopt)
}

func (e *takenError) failure() *failure {
	return &failure{reason: reasonSecretNotOwned, message: e.Error(), retries: true}
}
