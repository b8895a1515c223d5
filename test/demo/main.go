// Command demo shows the whole product on a real apiserver and a real Vault:
// "make demo" tells the main job as a story of plain kubectl commands, "make
// play" leaves the same stage standing for somebody to try things out.
//
// The story checks itself. Where a step does not hold, demo ends with the
// reason and a non-zero exit code.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// promised is how long a change may take from kubectl's return until the
// Secret has the new value.
const promised = 2 * time.Second

func main() {
	play := flag.Bool("play", false, "tell no story; leave everything running until interrupted")
	flag.Parse()
	if err := run(*play, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

func run(play bool, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // The root of all contexts.
	defer stop()
	s, err := setStage(ctx, out)
	if err != nil {
		return err
	}
	defer s.clear()
	if play {
		return s.play(ctx, playFile)
	}
	return s.tell(ctx, story(promised))
}
