package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	packetQueue    = 256 // datagrams that wait for the host, beside what its socket holds
	smallPacket    = 2048
	tellDropsEvery = time.Second
)

var smallPackets = sync.Pool{New: func() any { return new([smallPacket]byte) }}

// PacketListener carries the datagrams of one UDP port between the tailnet and the host's socket pair.
type packetListener struct {
	node *node
	id   int
	ip   netip.Addr // invalid: both of the node's own
	port int
	host *net.UnixConn

	queue chan []byte
	// Where answers go out, by the client's family; nil while the node is not up.
	out4, out6 atomic.Pointer[net.PacketConn]

	toHost, fromHost atomic.Uint64 // drops
	telling          atomic.Bool
}

func (n *node) listenPacket(id int, ip netip.Addr, port int) (int, error) {
	ours, host, err := socketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		return 0, err
	}
	l := &packetListener{node: n, id: id, ip: ip, port: port, host: ours, queue: make(chan []byte, packetQueue)}
	if !n.spawn(l.run) {
		ours.Close()
		unix.Close(host)
		return 0, unix.EBADF
	}
	return host, nil
}

func (l *packetListener) run() {
	ctx, cancel := context.WithCancel(l.node.ctx)
	closeHost := context.AfterFunc(ctx, func() { l.host.Close() })
	defer func() { cancel(); closeHost(); l.host.Close() }()
	l.node.work.Go(func() { defer cancel(); l.readHost() })
	l.node.work.Go(func() { defer cancel(); l.writeHost(ctx) })
	release := l.node.claim(ctx, fmt.Sprintf("udp/%s/%d", l.ip, l.port))
	defer release()
	l.node.keepBound(ctx, l.port, l.tell, func(up *running) (func(), error) {
		bound, err := l.bind(up)
		if err != nil {
			return nil, err
		}
		return func() { l.serve(ctx, up, bound) }, nil
	})
}

func (l *packetListener) tell(event listenEvent) {
	event.Event, event.ID = "listen", l.id
	l.node.events.put(fmt.Sprintf("listen/%d", l.id), event)
}

func (l *packetListener) bind(up *running) ([]net.PacketConn, error) {
	addresses := []netip.Addr{l.ip}
	if !l.ip.IsValid() {
		addresses = []netip.Addr{up.ip4, up.ip6}
	}
	var bound []net.PacketConn
	for _, address := range addresses {
		if !address.IsValid() { // a tailnet may give only one family
			continue
		}
		conn, err := up.server.ListenPacket("udp", net.JoinHostPort(address.String(), strconv.Itoa(l.port)))
		if err != nil {
			closeAll(bound)
			return nil, err
		}
		bound = append(bound, conn)
		if address.Is4() {
			l.out4.Store(&conn)
		} else {
			l.out6.Store(&conn)
		}
	}
	return bound, nil
}

func closeAll(bound []net.PacketConn) {
	for _, conn := range bound {
		conn.Close()
	}
}

// Serve reads the tailnet's side until the node's addresses change or ctx ends.
func (l *packetListener) serve(ctx context.Context, up *running, bound []net.PacketConn) {
	var readers sync.WaitGroup
	for _, conn := range bound {
		readers.Go(func() { l.readTailnet(conn) })
	}
	for ctx.Err() == nil {
		l.node.mu.Lock()
		same, changed := l.node.up == up, l.node.upChanged
		l.node.mu.Unlock()
		if !same {
			break
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	l.out4.Store(nil)
	l.out6.Store(nil)
	closeAll(bound)
	readers.Wait()
}

func (l *packetListener) readTailnet(conn net.PacketConn) {
	buffer := make([]byte, packetHeader+maxPayload)
	for {
		n, from, err := conn.ReadFrom(buffer[packetHeader:])
		if err != nil {
			return
		}
		client, ok := from.(*net.UDPAddr)
		if !ok {
			continue
		}
		putPacketHeader(buffer, client.AddrPort())
		frame := append(newFrame(packetHeader+n), buffer[:packetHeader+n]...)
		select {
		case l.queue <- frame:
		default:
			freeFrame(frame)
			l.drop(&l.toHost)
		}
	}
}

func (l *packetListener) writeHost(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case frame := <-l.queue:
			_, err := l.host.Write(frame)
			freeFrame(frame)
			if err != nil {
				return
			}
		}
	}
}

func (l *packetListener) readHost() {
	// One byte more than the longest that is right, so that a longer one shows.
	buffer := make([]byte, packetHeader+maxPayload+1)
	for {
		n, err := l.host.Read(buffer)
		if err != nil {
			return
		}
		client, payload, ok := splitPacket(buffer[:n])
		if !ok {
			l.drop(&l.fromHost)
			continue
		}
		out := l.out4.Load()
		if client.Addr().Is6() {
			out = l.out6.Load()
		}
		if out == nil {
			l.drop(&l.fromHost)
			continue
		}
		if _, err := (*out).WriteTo(payload, net.UDPAddrFromAddrPort(client)); err != nil {
			l.drop(&l.fromHost)
		}
	}
}

// Drop counts, and tells the count once the second is over, however many follow.
func (l *packetListener) drop(which *atomic.Uint64) {
	which.Add(1)
	if l.telling.Swap(true) {
		return
	}
	time.AfterFunc(tellDropsEvery, func() {
		l.telling.Store(false)
		l.node.events.put(fmt.Sprintf("drops/%d", l.id),
			dropsEvent{"drops", l.id, l.toHost.Load(), l.fromHost.Load()})
	})
}

// NewFrame is empty, with room for size.
func newFrame(size int) []byte {
	if size > smallPacket {
		return make([]byte, 0, size)
	}
	return smallPackets.Get().(*[smallPacket]byte)[:0]
}

func freeFrame(frame []byte) {
	if cap(frame) == smallPacket {
		smallPackets.Put((*[smallPacket]byte)(frame[:smallPacket]))
	}
}
