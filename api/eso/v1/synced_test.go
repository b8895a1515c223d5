package v1

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The versions that ESO's own functions make of these objects.
func TestSyncedVersion(t *testing.T) {
	tests := map[string]struct {
		object *ExternalSecret
		want   string
	}{
		"nothing": {
			&ExternalSecret{ObjectMeta: metav1.ObjectMeta{Generation: 1}},
			"1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2",
		},
		"labels and annotations": {
			&ExternalSecret{ObjectMeta: metav1.ObjectMeta{
				Generation: 3, Name: "x", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"b": "2", "a": "1"},
			}},
			"3-f27e0fe23f97f0eb94014b020d1502f26602dfc9d585b3342fca9b88",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := SyncedVersion(tc.object); got != tc.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
