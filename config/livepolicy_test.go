package config

import "testing"

// Before a policy has ever compiled a replica is not ready, and denies.
func TestNotReadyWithoutAPolicy(t *testing.T) {
	live := &LivePolicy{Namespace: "countersign-system"}
	want := "no valid policy: no ConfigMap with the label countersign.dev/policy=true in namespace countersign-system compiled"
	if err := live.Ready(nil); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if live.Policy() != nil {
		t.Error("there is a policy")
	}
}
