// Command profiles tells where the time and the memory of Countersign go: in the
// cold sync of a fleet, and in admission. The profiles are those that the process
// serves itself (--pprof-port). "make bench-profiles" writes the page.
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

// size of the measurement.
type size struct {
	objects, clients int
	// length of the profiles of the processor.
	length time.Duration
}

func main() {
	objects := flag.Int("objects", 2000, "objects of the cold sync")
	clients := flag.Int("clients", 16, "clients that create at a time")
	length := flag.Duration("length", 15*time.Second, "length of the profiles of the processor")
	keep := flag.String("keep", "", "folder for the profiles themselves, for go tool pprof; empty: none is kept")
	folder := flag.String("folder", "", "folder for the page; empty: print it")
	flag.Parse()
	if err := run(size{*objects, *clients, *length}, *keep, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "profiles:", err)
		os.Exit(1)
	}
}

func run(size size, keep, folder string) error {
	return report.Run(folder, func(ctx context.Context, environment *report.Environment) (*report.Page, error) {
		var found *profiles
		err := stage.With(ctx, environment, func(s *stage.Stage) (err error) {
			found, err = (&profiler{Stage: s, size: size, keep: keep}).profiles(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		environment.Notef("a cold sync of %d objects with the budget lifted, then creates by %d clients; %s of each", size.objects, size.clients, size.length)
		return newPage(found, environment), nil
	})
}
