// Command profiles tells where the time and the memory of Countersign go: in the
// cold sync of a fleet, and in admission. The profiles are those that the process
// serves itself (--pprof-port). "make bench-profiles" writes the page.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
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
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // The root of all contexts.
	defer stop()
	environment, err := report.NewEnvironment()
	if err != nil {
		return err
	}
	s, err := stage.New(ctx)
	if err != nil {
		return err
	}
	p := &profiler{Stage: s, size: size, keep: keep}
	found, err := p.profiles(ctx)
	if err = errors.Join(err, s.Versions(ctx, environment), s.Stop()); err != nil {
		return err
	}
	environment.Notef("a cold sync of %d objects with the budget lifted, then creates by %d clients; %s of each", size.objects, size.clients, size.length)
	return newPage(found, environment).Write(folder, os.Stdout)
}
