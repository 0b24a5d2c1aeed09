package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// NewTestPackets is a packet listener, not running, whose tailnet side is a loopback socket.
func newTestPackets(t *testing.T) (l *packetListener, host int, tailnet net.PacketConn, client net.Conn) {
	t.Helper()
	ours, host, err := socketPair(unix.SOCK_SEQPACKET)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(host); ours.Close() })
	if tailnet, err = net.ListenPacket("udp4", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tailnet.Close() })
	if client, err = net.Dial("udp4", tailnet.LocalAddr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	client.SetDeadline(time.Now().Add(patience))
	n := &node{events: newEventQueue()}
	return &packetListener{node: n, id: 3, host: ours, queue: make(chan []byte, packetQueue)}, host, tailnet, client
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestDatagramsThatNobodyTakesAreDroppedAndCounted(t *testing.T) {
	l, _, tailnet, client := newTestPackets(t)
	go l.readTailnet(tailnet)
	sent := 0
	send := func() {
		client.Write([]byte("x"))
		sent++
		// One at a time, so that the loopback socket loses none of them.
		waitFor(t, "read", func() bool { return len(l.queue)+int(l.toHost.Load()) == sent })
	}
	for range packetQueue + 5 {
		send()
	}
	if len(l.queue) != packetQueue || l.toHost.Load() != 5 {
		t.Errorf("%d wait, %d dropped", len(l.queue), l.toHost.Load())
	}
	reader, writer := io.Pipe()
	go l.node.events.run(writer)
	var told dropsEvent
	if err := json.NewDecoder(reader).Decode(&told); err != nil {
		t.Fatal(err)
	}
	if told.ID != 3 || told.ToHost != 5 || told.FromHost != 0 {
		t.Errorf("told %+v", told)
	}
	reader.Close()
}

func TestDatagramsBothWays(t *testing.T) {
	l, host, tailnet, client := newTestPackets(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go l.readTailnet(tailnet)
	go l.writeHost(ctx)
	go l.readHost()
	l.out4.Store(&tailnet)
	for _, payload := range []string{"", "small", string(make([]byte, 9000))} {
		client.Write([]byte(payload))
		frame := make([]byte, packetHeader+maxPayload)
		size := 0
		waitFor(t, "a frame", func() bool {
			n, err := unix.Read(host, frame)
			size = n
			return err == nil
		})
		from, got, ok := splitPacket(frame[:size])
		if !ok || from != client.LocalAddr().(*net.UDPAddr).AddrPort() || string(got) != payload {
			t.Fatalf("got %d bytes from %v, %v", len(got), from, ok)
		}
		if _, err := unix.Write(host, frame[:size]); err != nil {
			t.Fatal(err)
		}
		if n, err := client.Read(frame); err != nil || string(frame[:n]) != payload {
			t.Fatalf("got %d bytes back, %v", n, err)
		}
	}
	// Refused: not a frame; no socket of that family.
	six := make([]byte, packetHeader)
	putPacketHeader(six, netip.MustParseAddrPort("[::1]:1"))
	unix.Write(host, []byte("x"))
	unix.Write(host, six)
	waitFor(t, "two drops", func() bool { return l.fromHost.Load() == 2 })
}
