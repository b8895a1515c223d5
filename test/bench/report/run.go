package report

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Run makes a page until it is done or interrupted, and writes it into the folder,
// or without one to the standard output. The error may be that an aim is missed.
func Run(folder string, measure func(context.Context, *Environment) (*Page, error)) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // The root of all contexts.
	defer stop()
	environment, err := NewEnvironment()
	if err != nil {
		return err
	}
	page, err := measure(ctx, environment)
	if err != nil {
		return err
	}
	return page.Write(folder, os.Stdout)
}
