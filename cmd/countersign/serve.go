package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/countersign/countersign/config"
)

func newServeCommand() *cobra.Command {
	options := &serveOptions{}
	command := &cobra.Command{
		Use:   "serve",
		Short: "Serve the admission webhooks and sync, or one of them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), options, cmd.OutOrStdout())
		},
	}
	options.addFlags(command.Flags())
	return command
}

func serve(ctx context.Context, options *serveOptions, out io.Writer) error {
	if err := options.validate(); err != nil {
		return err
	}
	settings, err := config.LoadSettings(options.settingsFile)
	if err != nil {
		return err
	}
	if err := setUpLogging(options); err != nil {
		return err
	}
	saveMemory(options)
	mgr, err := newManager(options, enabled(settings).newObjects(), ctx.Done())
	if err != nil {
		return fmt.Errorf("manager: %w", err)
	}
	w, err := wire(ctx, mgr, options, settings)
	if err != nil {
		return err
	}
	if options.sync {
		if err := w.openVaults(); err != nil {
			return err
		}
		defer w.vaults.revoke(ctx)
	}
	if options.once {
		return w.syncOnce(ctx, out)
	}
	if err := w.setUp(ctx); err != nil {
		return err
	}
	return mgr.Start(servingOn(ctx, options.shutdownDelay))
}

// garbage is the most that may pile up, in percent of what is in use. Go's own
// 100 is for programs whose memory is theirs to waste; here most of what is in use
// are objects in caches, which stay, and a little more work of the collector buys
// a quarter of the memory.
const garbage = 50

// saveMemory leaves an operator's own setting as it is. Samples of what takes
// memory take some themselves, and nobody sees them where no profile is served.
// https://pkg.go.dev/runtime#hdr-Environment_Variables
func saveMemory(options *serveOptions) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if options.pprofAddress() == "" {
		runtime.MemProfileRate = 0
	}
}

// servingOn ends a while after ctx does. Endpoints and connections of the
// apiserver outlive the order to stop.
func servingOn(ctx context.Context, delay time.Duration) context.Context {
	late, stop := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(delay, stop) })
	return late
}

// setUpLogging has everything, klog included, log as JSON on stderr. The
// verbosity of klog stays 0: it would log bodies of requests.
func setUpLogging(options *serveOptions) error {
	level, err := options.level()
	if err != nil {
		return err
	}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	return nil
}
