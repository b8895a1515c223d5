package v1

import (
	"crypto/sha3"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SyncedVersion is what ESO writes into status.syncedResourceVersion of an
// ExternalSecret once it has synced it as it stands: the generation, and a hash
// of labels and annotations.
// https://github.com/external-secrets/external-secrets/blob/v2.9.0/pkg/controllers/util/util.go
func SyncedVersion(object metav1.Object) string {
	text := fmt.Sprintf("{annotations:%v labels:%v}", object.GetAnnotations(), object.GetLabels())
	return fmt.Sprintf("%d-%x", object.GetGeneration(), sha3.Sum224([]byte(text)))
}
