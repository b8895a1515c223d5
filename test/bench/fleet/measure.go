package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/countersign/countersign/test/harness"
)

// result is one cold sync, and the restart after it.
type result struct {
	took    time.Duration
	counts  harness.Counts
	peak    int
	cpu     float64
	peakRSS int64
	restart harness.Counts
}

const within = 10 * time.Minute

func measure(ctx context.Context, objects int, budget budget) (result, error) {
	s, err := setUp(ctx, objects, budget)
	if err != nil {
		return result{}, err
	}
	measured, err := s.coldSync(ctx)
	if err == nil {
		measured.restart, err = s.restart(ctx)
	}
	return measured, errors.Join(err, s.env.Stop())
}

// coldSync lasts from the start of the process until all Secrets stand.
func (s *stage) coldSync(ctx context.Context) (result, error) {
	mark, err := s.env.Vault.AuditMark()
	if err != nil {
		return result{}, err
	}
	started := time.Now()
	process, err := s.sync(ctx)
	if err != nil {
		return result{}, err
	}
	if err := harness.Eventually(ctx, 50*time.Millisecond, within, s.allStand); err != nil {
		return result{}, err
	}
	measured := result{took: time.Since(started)}
	if err := harness.Eventually(ctx, 100*time.Millisecond, within, s.idle(process)); err != nil {
		return result{}, err
	}
	entries, err := s.env.Vault.Since(mark)
	if err != nil {
		return result{}, err
	}
	measured.counts, measured.peak = harness.CountRequests(entries), fullestSecond(harness.Requests(entries))
	if measured.cpu, err = metric(ctx, process, "process_cpu_seconds_total"); err != nil {
		return result{}, err
	}
	if measured.peakRSS, err = peakRSS(process.PID()); err != nil {
		return result{}, err
	}
	return measured, process.Stop()
}

// restart counts what a restart costs when there is nothing to do.
func (s *stage) restart(ctx context.Context) (harness.Counts, error) {
	mark, err := s.env.Vault.AuditMark()
	if err != nil {
		return harness.Counts{}, err
	}
	process, err := s.sync(ctx)
	if err != nil {
		return harness.Counts{}, err
	}
	if err := harness.Eventually(ctx, 100*time.Millisecond, within, s.idle(process)); err != nil {
		return harness.Counts{}, err
	}
	entries, err := s.env.Vault.Since(mark)
	return harness.CountRequests(entries), errors.Join(err, process.Stop())
}

func (s *stage) sync(ctx context.Context) (*harness.Process, error) {
	return s.env.StartCountersign(ctx, s.release, harness.ProcessOptions{Args: []string{"--admission=false", "--leader-elect=false"}})
}

func (s *stage) allStand(ctx context.Context) error {
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	err := s.env.Client.List(ctx, secrets, client.MatchingLabels{"app.kubernetes.io/managed-by": "countersign"})
	if err == nil && len(secrets.Items) < s.objects {
		err = fmt.Errorf("%d of %d Secrets stand", len(secrets.Items), s.objects)
	}
	return err
}

// idle: every object was looked at, and none waits.
func (s *stage) idle(process *harness.Process) func(context.Context) error {
	return func(ctx context.Context) error {
		looked, err := metric(ctx, process, "controller_runtime_reconcile_total", `controller="externalsecret.`, `result="success"`)
		if err != nil {
			return err
		}
		waiting, err := metric(ctx, process, "countersign_queue_length")
		if err == nil && (int(looked) < s.objects || waiting > 0) {
			err = fmt.Errorf("%v of %d objects were looked at, %v wait", looked, s.objects, waiting)
		}
		return err
	}
}

// fullestSecond is the most requests in any second, wherever it begins.
func fullestSecond(requests []harness.AuditEntry) int {
	most, first := 0, 0
	for last := range requests {
		for requests[last].Time.Sub(requests[first].Time) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

// metric sums what a scrape tells under a name with those labels.
func metric(ctx context.Context, process *harness.Process, name string, labels ...string) (float64, error) {
	text, err := process.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	var sum float64
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if series != name && !strings.HasPrefix(series, name+"{") || !containsAll(series, labels) {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		sum += number
	}
	return sum, nil
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// peakRSS is the most memory that a process had, in bytes.
// https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func peakRSS(pid int) (int64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if kilobytes, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(kilobytes, "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("the kernel tells no VmHWM")
}
