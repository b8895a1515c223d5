package harness

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// ForTest starts an Env for one test. It never skips: what is missing fails
// the test with the command that helps.
func ForTest(t testing.TB, options Options) *Env {
	t.Helper()
	// The test's context ends before its cleanups, which may need the Env.
	env, err := Start(context.WithoutCancel(t.Context()), options)
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	release := stopOnSignal(env)
	t.Cleanup(func() {
		release()
		if err := env.Stop(); err != nil {
			t.Errorf("harness: %v", err)
		}
	})
	return env
}

// Main runs a package's tests on one shared Env. Call it from TestMain, with
// what furnishes and keeps the Env for the tests, and exit with what it returns.
func Main(m interface{ Run() int }, options Options, keep func(context.Context, *Env) error) int {
	ctx := context.Background() //nolint:forbidigo // TestMain has no context.
	env, err := Start(ctx, options)
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	defer stopOnSignal(env)()
	code := 1
	if err := keep(ctx, env); err != nil {
		fmt.Fprintln(os.Stderr, "world:", err)
	} else {
		code = m.Run()
	}
	if err := env.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return max(code, 1)
	}
	return code
}

// Await fails the test when condition has not returned nil within the time.
func Await(t testing.TB, within time.Duration, condition func(context.Context) error) {
	t.Helper()
	if err := Eventually(t.Context(), readyInterval, within, condition); err != nil {
		t.Fatal(err)
	}
}

// stopOnSignal stops the Env on SIGINT and SIGTERM and then lets the signal do
// what it does to a process by default.
func stopOnSignal(env *Env) (release func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	released := make(chan struct{})
	go func() {
		select {
		case <-released:
		case received := <-signals:
			_ = env.Stop()
			signal.Reset(received)
			_ = syscall.Kill(os.Getpid(), received.(syscall.Signal))
		}
	}()
	return func() {
		signal.Stop(signals)
		close(released)
	}
}
