package harness

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// The range lies below the one that kernels take ports of outgoing connections
// from, so nobody but another harness is likely to want these.
const (
	firstPort = 20000
	countPort = 10000
)

// ports are reserved by a file lock each, since the process that is to listen
// does so only later, and after a restart once more.
type ports struct {
	mutex sync.Mutex
	locks []*os.File
}

func (p *ports) reserve() (int, error) {
	folder := filepath.Join(os.TempDir(), fmt.Sprintf("countersign-ports-%d", os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, err
	}
	for _, offset := range rand.Perm(countPort) {
		port := firstPort + offset
		lock, err := tryLock(filepath.Join(folder, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if !isFree(port) {
			_ = lock.Close()
			continue
		}
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.locks = append(p.locks, lock)
		return port, nil
	}
	return 0, fmt.Errorf("no free port in %d-%d", firstPort, firstPort+countPort-1)
}

// reserveInto fills each pointer with a port of its own.
func (p *ports) reserveInto(targets ...*int) error {
	for _, target := range targets {
		port, err := p.reserve()
		if err != nil {
			return err
		}
		*target = port
	}
	return nil
}

func (p *ports) release() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var errs []error
	for _, lock := range p.locks {
		errs = append(errs, lock.Close())
	}
	p.locks = nil
	return errors.Join(errs...)
}

func isFree(port int) bool {
	listener, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
