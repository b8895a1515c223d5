package harness

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestEventuallyReturnsTheLastError(t *testing.T) {
	attempts := 0
	last := errors.New("the last")
	err := Eventually(t.Context(), time.Millisecond, 50*time.Millisecond, func(ctx context.Context) error {
		attempts++
		if attempts < 3 {
			return errors.New("an early one")
		}
		<-ctx.Done()
		return last
	})
	if err == nil || !strings.Contains(err.Error(), "an early one") {
		t.Errorf("error %v: the attempt that the deadline cut short should not hide the one before", err)
	}
	err = Eventually(t.Context(), time.Millisecond, 20*time.Millisecond, func(context.Context) error { return last })
	if !errors.Is(err, last) {
		t.Errorf("error %v, want the last one wrapped", err)
	}
	if err := Eventually(t.Context(), time.Hour, time.Hour, func(context.Context) error { return nil }); err != nil {
		t.Errorf("error %v of what holds at once", err)
	}
}
