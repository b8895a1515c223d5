package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// pause before a component that has ended is started again.
const pause = 500 * time.Millisecond

// supervisor keeps components running, unless a file down/NAME says otherwise.
// It is the first process of its namespace, so it also inherits every process
// whose parent has ended, and reaps it.
type supervisor struct {
	cluster *Cluster

	mutex sync.Mutex
	ended map[int]chan struct{}
}

func newSupervisor(c *Cluster) *supervisor {
	return &supervisor{cluster: c, ended: map[int]chan struct{}{}}
}

func (s *supervisor) run(ctx context.Context, components []component) {
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	for _, component := range components {
		go s.keep(ctx, component)
	}
	for range children {
		s.reap()
	}
}

// reap collects all that have ended: signals of several may come as one.
func (s *supervisor) reap() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if ended, ours := s.ended[pid]; ours {
			close(ended)
			delete(s.ended, pid)
		}
	}
}

func (s *supervisor) keep(ctx context.Context, component component) {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		if !s.cluster.isDown(component.Name) {
			s.once(component)
			ticker.Reset(pause)
		} else {
			ticker.Reset(lookInterval)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *supervisor) once(component component) {
	ended, err := s.start(component)
	if err != nil {
		fmt.Fprintln(os.Stderr, component.Name, err)
		return
	}
	<-ended
	fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly), component.Name, "has ended")
}

// start holds the lock, so that the process is known before it can be reaped.
func (s *supervisor) start(component component) (<-chan struct{}, error) {
	log, err := os.OpenFile(filepath.Join("/var/log", component.Name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	pid, err := syscall.ForkExec(component.Path, append([]string{component.Path}, component.Args...), &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{os.Stdin.Fd(), log.Fd(), log.Fd()},
	})
	if err != nil {
		return nil, err
	}
	s.ended[pid] = make(chan struct{})
	return s.ended[pid], nil
}
