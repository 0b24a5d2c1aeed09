package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
	"tailscale.com/ipn"
	"tailscale.com/tsnet"
)

const (
	flagFunnel     = 1 // EK_NODE_FUNNEL
	flagFunnelOnly = 2 // EK_NODE_FUNNEL_ONLY
	// Bounds the connections that wait for the host: each message is charged about 0.8 KiB, and the kernel doubles this.
	acceptQueueBytes = 32 << 10
	// After a port could not be bound; doubled each time.
	bindAgain    = 2 * time.Second
	maxBindAgain = time.Minute
)

// StreamListener takes the connections of one TCP port and passes them to the host as descriptors.
type streamListener struct {
	node  *node
	id    int
	port  int
	flags int
	host  *net.UnixConn
}

func (n *node) listen(id, port, flags int) (int, error) {
	ours, host, err := socketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		return 0, err
	}
	ours.SetWriteBuffer(acceptQueueBytes)
	l := &streamListener{node: n, id: id, port: port, flags: flags, host: ours}
	if !n.spawn(l.run) {
		ours.Close()
		unix.Close(host)
		return 0, unix.EBADF
	}
	return host, nil
}

func (l *streamListener) run() {
	ctx, cancel := context.WithCancel(l.node.ctx)
	defer cancel()
	closeHost := context.AfterFunc(ctx, func() { l.host.Close() })
	defer func() { closeHost(); l.host.Close() }()
	// The host sends nothing here: a read ends when the host closes.
	l.node.work.Go(func() {
		defer cancel()
		readUntilClosed(l.host)
	})
	release := l.node.claim(ctx, fmt.Sprintf("tcp/%d", l.port))
	defer release()
	l.node.keepBound(ctx, l.port, l.tell, func(up *running) (func(), error) {
		bound, err := l.bind(up)
		if err != nil {
			return nil, err
		}
		return func() { l.accept(ctx, bound); l.unbind(bound) }, nil
	})
}

// KeepBound binds on each server that comes up, and serves until that is over. What cannot be bound is tried again: a port
// becomes free, a policy is changed. New addresses of the same server change nothing meanwhile.
func (n *node) keepBound(ctx context.Context, port int, tell func(listenEvent), bind func(*running) (func(), error)) {
	var last *running
	wait := bindAgain
	for {
		up := n.nextUp(ctx, last)
		if up == nil {
			return
		}
		serve, err := bind(up)
		if err == nil {
			last, wait = up, bindAgain
			tell(listenEvent{Port: port})
			serve()
			continue
		}
		if n.current() == up && ctx.Err() == nil {
			tell(listenEvent{Error: n.scrub.clean(err.Error())})
		}
		n.pause(ctx, up, wait)
		wait = min(2*wait, maxBindAgain)
	}
}

func (l *streamListener) tell(event listenEvent) {
	event.Event, event.ID = "listen", l.id
	l.node.events.put(fmt.Sprintf("listen/%d", l.id), event)
}

func (l *streamListener) bind(up *running) (net.Listener, error) {
	address := fmt.Sprintf(":%d", l.port)
	if l.flags&flagFunnel == 0 {
		return up.server.Listen("tcp", address)
	}
	var options []tsnet.FunnelOption
	if l.flags&flagFunnelOnly != 0 {
		options = append(options, tsnet.FunnelOnly())
	}
	l.node.funnel.Lock()
	defer l.node.funnel.Unlock()
	return up.server.ListenFunnel("tcp", address, options...)
}

func (l *streamListener) unbind(bound net.Listener) {
	if l.flags&flagFunnel != 0 {
		l.node.funnel.Lock()
		defer l.node.funnel.Unlock()
	}
	bound.Close()
}

// Accept returns when the listener is closed, by the server's end or by ctx.
func (l *streamListener) accept(ctx context.Context, bound net.Listener) {
	stop := context.AfterFunc(ctx, func() { l.unbind(bound) })
	defer stop()
	for {
		client, err := bound.Accept()
		if err != nil {
			return
		}
		l.pass(client)
	}
}

// Pass hands one connection over. It waits while the host has not taken the ones before: then nobody
// accepts, and tsnet turns clients away after a second.
func (l *streamListener) pass(client net.Conn) {
	raw, text, err := l.describe(client)
	if err != nil {
		client.Close()
		return
	}
	ours, theirs, err := socketPair(unix.SOCK_STREAM)
	if err != nil {
		client.Close()
		return
	}
	defer unix.Close(theirs)
	p := &pump{client: raw, host: ours}
	if _, _, err := l.host.WriteMsgUnix([]byte(text), unix.UnixRights(theirs), nil); err != nil {
		p.stop()
		return
	}
	if !l.node.spawn(func() { p.runUntil(l.node.ctx) }) {
		p.stop()
	}
}

// Describe finds the plain connection and what to tell of it. A listener for Funnel wraps what it accepts for TLS
// but reads nothing before the first use, so that the connection beneath is whole; the host terminates.
func (l *streamListener) describe(client net.Conn) (raw net.Conn, text string, err error) {
	if wrapped, ok := client.(*tls.Conn); ok {
		client = wrapped.NetConn()
	}
	funnel := 0
	var source, destination netip.AddrPort
	if ingress, ok := client.(*ipn.FunnelConn); ok {
		funnel = 1
		source = ingress.Src
		destination = l.ownAddress(source.Addr().Is6())
		client = ingress.Conn
	} else {
		// Both are nil for a connection that was reset while it waited.
		from, to := client.RemoteAddr(), client.LocalAddr()
		if from == nil || to == nil {
			return nil, "", errors.New("gone")
		}
		if source, err = netip.ParseAddrPort(from.String()); err != nil {
			return nil, "", err
		}
		if destination, err = netip.ParseAddrPort(to.String()); err != nil {
			return nil, "", err
		}
	}
	return client, acceptText(source, destination, funnel), nil
}

func (l *streamListener) ownAddress(six bool) netip.AddrPort {
	up := l.node.current()
	if up == nil {
		return netip.AddrPort{}
	}
	address := up.ip4
	if six {
		address = up.ip6
	}
	return netip.AddrPortFrom(address, uint16(l.port))
}

func acceptText(source, destination netip.AddrPort, funnel int) string {
	return fmt.Sprintf("src=%s dst=%s funnel=%d", source, destination, funnel)
}

func readUntilClosed(host *net.UnixConn) {
	var ignored [64]byte
	for {
		if _, err := host.Read(ignored[:]); err != nil {
			return
		}
	}
}
