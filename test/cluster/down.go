package cluster

import (
	"context"
	"errors"
	"os"
	"time"
)

// Down ends the node and removes every trace of it. It may be called at any
// time and again: what is gone is not missed.
func (c *Cluster) Down(ctx context.Context) error {
	recorded, err := c.readRecord()
	if err != nil {
		return err
	}
	if err := recorded.kill(time.Minute); err != nil {
		return err
	}
	if err := errors.Join(c.unwire(ctx), c.removeCgroups()); err != nil {
		return err
	}
	return os.RemoveAll(c.folder)
}

// poll calls condition until it returns nil, or returns its last error.
func poll(within time.Duration, condition func() error) error {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	deadline := time.After(within)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-deadline:
			return err
		}
	}
}
