package harness

import (
	"context"
	"flag"
	"os"
	"testing"
)

// shared serves all tests that change nothing others look at.
var shared *Env

func TestMain(m *testing.M) {
	flag.Parse()
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	if fuzzing || os.Getenv(victimVariable) != "" {
		os.Exit(m.Run())
	}
	os.Exit(Main(m, Options{}, func(_ context.Context, env *Env) error {
		shared = env
		return nil
	}))
}
