package harness

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// readinessPeriod is how often a process's readiness is looked at.
const readinessPeriod = 200 * time.Millisecond

// service stands for a release's Service: one address, at which each new
// connection goes to the next of the processes that are ready. Connections that
// are open stay where they are. The port stays for the life of the Env, so that
// the URL in the webhook configurations does.
type service struct {
	port     int
	listener net.Listener

	mutex sync.Mutex
	ready []*Process
	next  int
}

func (e *Env) service(release Release) (*service, error) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if found, ok := e.services[release.key()]; ok {
		return found, nil
	}
	port, err := e.ports.reserve()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return nil, err
	}
	s := &service{port: port, listener: listener}
	e.services[release.key()] = s
	go s.serve()
	return s, nil
}

func (s *service) serve() {
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return
		}
		go s.forward(client)
	}
}

// forward closes a connection at once where nobody is ready: kube-proxy would
// refuse it.
func (s *service) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	process := s.pick()
	if process == nil {
		return
	}
	server, err := net.Dial("tcp", loopback(process.WebhookPort))
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	ended := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			closeWrite(pair[0])
			ended <- struct{}{}
		}()
	}
	<-ended
	<-ended
}

func closeWrite(connection net.Conn) {
	if half, ok := connection.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
}

func (s *service) pick() *Process {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.ready) == 0 {
		return nil
	}
	s.next++
	return s.ready[s.next%len(s.ready)]
}

func (s *service) set(process *Process, ready bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	select {
	case <-process.leaving:
		ready = false
	default:
	}
	has := slices.Contains(s.ready, process)
	switch {
	case ready && !has:
		s.ready = append(s.ready, process)
	case !ready && has:
		s.ready = slices.DeleteFunc(slices.Clone(s.ready), func(other *Process) bool { return other == process })
	}
}

func (s *service) includes(process *Process) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !slices.Contains(s.ready, process) {
		return errors.New("the process is no endpoint of its Service yet")
	}
	return nil
}

// follow keeps a process among the ready ones while it says so, until it ends
// or is told to.
func (s *service) follow(process *Process) {
	defer s.set(process, false)
	ticker := time.NewTicker(readinessPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-process.child.done:
			return
		case <-process.leaving:
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(context.Background(), 5*readinessPeriod) //nolint:forbidigo // Lives as long as the process.
			_, err := get(ctx, "http://"+loopback(process.HealthPort)+"/readyz")
			cancel()
			s.set(process, err == nil)
		}
	}
}
