package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"tailscale.com/client/local"
	"tailscale.com/tsnet"
)

const (
	// How long a closed node waits for a reader of its events who has fallen behind.
	lastWords = time.Second
	// How long an end is waited for. tsnet cannot be called back from one thing: changing an OAuth secret for a key,
	// by an HTTP request without a time limit.
	endPatience = 15 * time.Second
)

// Node is what a handle stands for. It outlives its attempts to come up: each is a tsnet.Server of its own,
// since one that failed cannot be started again.
type node struct {
	options options
	scrub   *scrubber
	events  *eventQueue
	stream  *net.UnixConn // Go's end of the event stream
	// Closed when nothing more is written to it.
	eventsDone chan struct{}

	ctx    context.Context
	cancel context.CancelFunc
	// Everything that runs for the node; the event stream ends after it.
	work sync.WaitGroup

	whoisSlots chan struct{}
	certSlots  chan struct{}

	// Each Funnel listener reads, changes and writes the node's serve configuration: one at a time.
	funnel sync.Mutex

	mu         sync.Mutex
	closed     bool
	hostStream int // the host's end of the event stream, until it is taken; then -1
	attempt    *attempt
	up         *running
	upChanged  chan struct{} // closed, and replaced, when up changes
	tempDir    string
	claims     map[string]chan struct{} // whose turn it is at a port; closed when it is over
}

// Running is a server that has joined the tailnet. Immutable; a new one says that something changed.
type running struct {
	server *tsnet.Server
	client *local.Client
	ip4    netip.Addr
	ip6    netip.Addr
}

func newNode(o options) (*node, error) {
	stream, host, err := socketPair(unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	n := &node{
		options:    o,
		scrub:      newScrubber(),
		events:     newEventQueue(),
		stream:     stream,
		eventsDone: make(chan struct{}),
		whoisSlots: make(chan struct{}, maxWhois),
		certSlots:  make(chan struct{}, maxCert),
		hostStream: host,
		upChanged:  make(chan struct{}),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n, nil
}

// RunEvents starts the writer of the event stream.
func (n *node) runEvents() {
	go func() {
		n.events.run(n.stream)
		close(n.eventsDone)
	}()
}

func (n *node) takeStream() (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hostStream < 0 {
		return 0, unix.EALREADY
	}
	fd := n.hostStream
	n.hostStream = -1
	return fd, nil
}

// Spawn runs f as a part of the node, unless the node is closed.
func (n *node) spawn(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.work.Go(f)
	return true
}

// Start begins an attempt with authKey.
func (n *node) start(authKey string) error {
	n.scrub.add(authKey)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return unix.EBADF
	}
	previous := n.attempt
	if previous != nil {
		if previous.isRunning() {
			return unix.EALREADY
		}
		previous.cancel()
	}
	next := newAttempt(n, authKey)
	n.attempt = next
	n.work.Go(func() { next.run(previous) })
	return nil
}

// Close returns at once; the event stream's end tells when everything has ended.
func (n *node) close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	if n.hostStream >= 0 {
		unix.Close(n.hostStream)
		n.hostStream = -1
	}
	n.mu.Unlock()

	n.cancel()
	go func() {
		ended := make(chan struct{})
		go func() { n.work.Wait(); close(ended) }()
		awaitEnd(ended)
		if n.tempDir != "" {
			os.RemoveAll(n.tempDir)
		}
		n.events.finish()
		n.stream.SetWriteDeadline(time.Now().Add(lastWords))
		<-n.eventsDone
		n.stream.Close()
	}()
}

// AwaitEnd waits until done is closed, within reason.
func awaitEnd(done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(endPatience):
	}
}

// SetUp makes u what listeners and questions work with; nil: nothing is up.
func (n *node) setUp(u *running) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up = u
	close(n.upChanged)
	n.upChanged = make(chan struct{})
}

func (n *node) current() *running {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up
}

// NextUp waits for a running other than last; nil when ctx ends first.
func (n *node) nextUp(ctx context.Context, last *running) *running {
	for {
		n.mu.Lock()
		up, changed := n.up, n.upChanged
		n.mu.Unlock()
		if up != nil && up != last && ctx.Err() == nil {
			return up
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// Pause waits a while, or until what is up is not u any more.
func (n *node) pause(ctx context.Context, u *running, wait time.Duration) {
	n.mu.Lock()
	up, changed := n.up, n.upChanged
	n.mu.Unlock()
	if up != u {
		return
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-time.After(wait):
	}
}

// StateRoot is where tsnet keeps its files; a node in memory needs one too, for certificates.
func (n *node) stateRoot() (string, error) {
	if n.options.StateDir != "" {
		return n.options.StateDir, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tempDir == "" {
		dir, err := os.MkdirTemp("", "evenkeel-node-")
		if err != nil {
			return "", err
		}
		n.tempDir = dir
	}
	return n.tempDir, nil
}
