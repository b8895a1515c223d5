package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// Less garbage than Go lets pile up by default, unless the operator has said how
// much.
func TestSaveMemory(t *testing.T) {
	const before = 100
	rate := runtime.MemProfileRate
	t.Cleanup(func() { runtime.MemProfileRate = rate })
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for set, want := range map[string]int{"": garbage, "80": before} {
		t.Setenv("GOGC", set)
		debug.SetGCPercent(before)
		saveMemory(&serveOptions{})
		if got := debug.SetGCPercent(before); got != want {
			t.Errorf("GOGC=%q: %d, want %d", set, got, want)
		}
	}
}

// Memory is sampled where somebody can ask for the samples.
func TestSaveMemoryOfProfiles(t *testing.T) {
	rate := runtime.MemProfileRate
	t.Cleanup(func() { runtime.MemProfileRate = rate })
	t.Setenv("GOGC", "100")
	for port, want := range map[int]int{0: 0, 6060: rate} {
		runtime.MemProfileRate = rate
		saveMemory(&serveOptions{pprofPort: port})
		if got := runtime.MemProfileRate; got != want {
			t.Errorf("port %d: a sample each %d bytes, want %d", port, got, want)
		}
	}
}
