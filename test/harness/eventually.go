package harness

import (
	"context"
	"fmt"
	"time"
)

// Eventually calls condition every interval until it returns nil. After the
// deadline, or when ctx ends, it returns the last error of condition.
func Eventually(ctx context.Context, interval, deadline time.Duration, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	started := time.Now()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		// An attempt that the deadline cut short says less than the one before.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", time.Since(started).Round(time.Millisecond), last)
		case <-ticker.C:
		}
	}
}
