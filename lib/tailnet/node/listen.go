package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
	"tailscale.com/ipn"
	"tailscale.com/tsnet"
)

const (
	flagFunnel     = 1 // EK_NODE_FUNNEL
	flagFunnelOnly = 2 // EK_NODE_FUNNEL_ONLY
	// Bounds the connections that wait for the host: each message is charged about 0.8 KiB, and the kernel doubles this.
	acceptQueueBytes = 32 << 10
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
	var last *running
	for {
		// New addresses of the same server change nothing: accept goes on meanwhile, on whatever it has.
		up := l.node.nextUp(ctx, last)
		if up == nil {
			return
		}
		last = up
		bound, err := l.bind(up)
		if err != nil {
			if l.node.current() == up && ctx.Err() == nil {
				l.tell(listenEvent{Error: l.node.scrub.clean(err.Error())})
				return
			}
			continue
		}
		l.tell(listenEvent{Port: l.port})
		l.accept(ctx, bound)
		bound.Close()
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
	return up.server.ListenFunnel("tcp", address, options...)
}

// Accept returns when the listener is closed, by the server's end or by ctx.
func (l *streamListener) accept(ctx context.Context, bound net.Listener) {
	stop := context.AfterFunc(ctx, func() { bound.Close() })
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
