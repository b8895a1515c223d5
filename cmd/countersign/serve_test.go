package main

import (
	"runtime/debug"
	"testing"
)

// Less garbage than Go lets pile up by default, unless the operator has said how
// much.
func TestSaveMemory(t *testing.T) {
	const before = 100
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for set, want := range map[string]int{"": garbage, "80": before} {
		t.Setenv("GOGC", set)
		debug.SetGCPercent(before)
		saveMemory()
		if got := debug.SetGCPercent(before); got != want {
			t.Errorf("GOGC=%q: %d, want %d", set, got, want)
		}
	}
}
