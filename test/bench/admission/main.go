// Command admission measures what admission adds to a create: nothing at all, a
// ValidatingAdmissionPolicy with a prefix rule, and Countersign, each with one
// rule and with 10,000. All of them take turns on one real apiserver, so that
// the ratios are of one run. "make bench-admission" prints a Markdown table.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	kesv1 "github.com/countersign/countersign/api/kes/v1"
	"github.com/countersign/countersign/test/harness"
)

// manyRules is the number that a large installation may have.
const manyRules = 10_000

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "admission:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // The root of all contexts.
	defer stop()
	env, err := harness.Start(ctx, harness.Options{Scheme: []func(*runtime.Scheme) error{kesv1.AddToScheme}})
	if err != nil {
		return err
	}
	defer func() { _ = env.Stop() }()
	s, err := setUp(ctx, env)
	if err != nil {
		return err
	}
	var rows []row
	for _, rules := range []int{1, manyRules} {
		if err := s.setRules(ctx, rules); err != nil {
			return err
		}
		measured, err := s.measure(ctx, rules)
		if err != nil {
			return err
		}
		rows = append(rows, measured...)
	}
	printTable(os.Stdout, rows)
	return nil
}

// sample is how long one create took.
type sample = time.Duration
