package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// Ways in which Vault is away.
const (
	present = iota
	sealed
	hangsUp
	ways
)

// proxy stands between Countersign and Vault, which is away at times.
type proxy struct {
	address string
	server  *http.Server
	vault   http.Handler
	way     atomic.Int32
	// failed counts what it answered itself.
	failed atomic.Int64
}

func startProxy(vault string) (*proxy, error) {
	target, err := url.Parse(vault)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	// A client that went away in the middle is no news.
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	p := &proxy{address: "http://" + listener.Addr().String(), vault: forward}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

func (p *proxy) close() { _ = p.server.Close() }

// ServeHTTP answers as Vault does, or as one that is away.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch p.way.Load() {
	case present:
		p.vault.ServeHTTP(w, r)
	case sealed:
		p.failed.Add(1)
		http.Error(w, `{"errors":["Vault is sealed"]}`, http.StatusServiceUnavailable)
	case hangsUp:
		p.failed.Add(1)
		panic(http.ErrAbortHandler)
	}
}

// fail has Vault be away for a fifth of each period, in one way after the other,
// and be present in the end.
func (p *proxy) fail(ctx context.Context, period time.Duration) {
	defer p.way.Store(present)
	for way := int32(sealed); ; way = way%(ways-1) + 1 {
		if !passes(ctx, period*4/5) {
			return
		}
		p.way.Store(way)
		if !passes(ctx, period/5) {
			return
		}
		p.way.Store(present)
	}
}

// passes reports whether the time does before the end.
func passes(ctx context.Context, length time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(length):
		return true
	}
}
