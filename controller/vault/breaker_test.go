package vault

import (
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"
)

func testBreaker() (b *breaker, clock *testclock.FakePassiveClock, closings *int) {
	clock = testclock.NewFakePassiveClock(time.Unix(1_800_000_000, 0))
	closings = new(int)
	return newBreaker(clock, func() { *closings++ }), clock, closings
}

// One grave failure opens the breaker, others only in a row and of different
// paths: nobody waits for what is one path's own trouble.
func TestBreakerOpens(t *testing.T) {
	grave := func(b *breaker) { b.failed("a", true, 0) }
	poor := func(about string) func(*breaker) {
		return func(b *breaker) { b.failed(about, false, 0) }
	}
	a, b, c := poor("a"), poor("b"), poor("c")
	good := func(b *breaker) { b.succeeded() }
	tests := map[string]struct {
		steps []func(*breaker)
		open  bool
	}{
		"nothing":                {nil, false},
		"gone":                   {[]func(*breaker){grave}, true},
		"slow twice":             {[]func(*breaker){a, b}, false},
		"slow three times":       {[]func(*breaker){a, b, c}, true},
		"slow, but not in a row": {[]func(*breaker){a, b, good, c, a}, false},
		"slow, one path only":    {[]func(*breaker){a, a, a, b, b, a}, false},
		"gone and back":          {[]func(*breaker){grave, good}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b, _, _ := testBreaker()
			for _, step := range tc.steps {
				step(b)
			}
			if b.isOpen() != tc.open || b.allow() == tc.open {
				t.Errorf("open %v, want %v", b.isOpen(), tc.open)
			}
		})
	}
}

// While it is open one probe at a time goes out, at growing intervals; the first
// that succeeds closes it and tells so, once.
func TestBreakerProbes(t *testing.T) {
	b, clock, closings := testBreaker()
	b.failed("a", true, 0)
	for _, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 15 * time.Second} {
		clock.SetTime(clock.Now().Add(most*4/5 - time.Millisecond))
		if b.mayTry() || b.allow() {
			t.Fatalf("a probe before %v less a fifth", most)
		}
		clock.SetTime(clock.Now().Add(most/5 + time.Millisecond))
		if !b.mayTry() || !b.allow() {
			t.Fatalf("no probe after %v", most)
		}
		if b.mayTry() || b.allow() {
			t.Fatal("two probes at a time")
		}
		// One that was under way before says nothing new.
		if most == time.Second {
			b.abandoned()
			if !b.allow() {
				t.Fatal("a probe that was not sent has to be given back")
			}
		}
		b.failed("a", false, 0)
	}
	clock.SetTime(clock.Now().Add(LongestProbe))
	if !b.allow() {
		t.Fatal("no probe")
	}
	b.succeeded()
	b.succeeded()
	if b.isOpen() || *closings != 1 {
		t.Errorf("open %v, told %d times", b.isOpen(), *closings)
	}
	b.failed("a", true, 0)
	clock.SetTime(clock.Now().Add(firstProbe))
	if !b.allow() {
		t.Error("the interval did not start anew")
	}
}

// A Vault that says when to come back is not asked before, within reason.
func TestBreakerHeedsRetryAfter(t *testing.T) {
	tests := map[string]struct{ asked, want time.Duration }{
		"a minute": {time.Minute, time.Minute},
		"a day":    {24 * time.Hour, longestRetryAfter},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b, clock, _ := testBreaker()
			b.failed("a", true, tc.asked)
			clock.SetTime(clock.Now().Add(tc.want - time.Second))
			if b.allow() {
				t.Error("asked too early")
			}
			clock.SetTime(clock.Now().Add(time.Second))
			if !b.allow() {
				t.Error("not asked in time")
			}
		})
	}
}

// Failures of requests that left before the breaker opened move no probe.
func TestBreakerLateFailures(t *testing.T) {
	b, clock, _ := testBreaker()
	b.failed("a", true, 0)
	for range 10 {
		b.failed("a", true, 0)
	}
	clock.SetTime(clock.Now().Add(firstProbe))
	if !b.allow() {
		t.Error("late failures put the probe off")
	}
}
