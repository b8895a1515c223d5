// Command soak has one process of Countersign admit and sync for a long time,
// while objects come, change and go, policy is edited, and Vault is away at times.
// What a process must not do over time is to grow: memory, goroutines, logins at
// Vault, series of metrics. "make bench-soak" writes the page; BENCH_FLAGS="-time
// 1h" makes it longer.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/countersign/countersign/test/bench/report"
	"github.com/countersign/countersign/test/bench/stage"
)

// size of the soak.
type size struct {
	length time.Duration
	// objects are how many there may be at a time.
	objects, clients int
	// pace is how often each client changes something.
	pace time.Duration
	// sample is how often the process is looked at, and fault how often Vault is
	// away, for a fifth of that time.
	sample, fault time.Duration
}

func main() {
	length := flag.Duration("time", 10*time.Minute, "how long")
	objects := flag.Int("objects", 300, "the most objects at a time")
	pace := flag.Duration("pace", 800*time.Millisecond, "how often each of 4 clients changes something")
	folder := flag.String("folder", "", "folder for the page and its plots; empty: print the page")
	flag.Parse()
	if err := run(size{*length, *objects, 4, *pace, 2 * time.Second, 30 * time.Second}, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(size size, folder string) error {
	return report.Run(folder, func(ctx context.Context, environment *report.Environment) (*report.Page, error) {
		var found *result
		err := stage.With(ctx, environment, func(s *stage.Stage) (err error) {
			found, err = soak(ctx, s, size)
			return err
		})
		if err != nil {
			return nil, err
		}
		environment.Notef("%s, at most %d objects; each of %d clients changes something every %s; Vault away for %s in every %s",
			size.length, size.objects, size.clients, size.pace, size.fault/5, size.fault)
		return newPage(found, environment)
	})
}
