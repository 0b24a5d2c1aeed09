package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The limit of what a test waits for; nothing waits this long when it works.
const patience = 10 * time.Second

type rig struct {
	client *net.TCPConn  // the far end of the tailnet's side
	host   *net.UnixConn // the end that the C++ side would have
	ended  chan struct{} // closed when the pump is over
}

func newRig(t *testing.T) *rig {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ours, fd, err := socketPair(unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "host")
	host, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{client: far.(*net.TCPConn), host: host.(*net.UnixConn), ended: make(chan struct{})}
	deadline := time.Now().Add(patience)
	r.client.SetDeadline(deadline)
	r.host.SetDeadline(deadline)
	p := &pump{client: near, host: ours}
	go func() { p.run(); close(r.ended) }()
	t.Cleanup(func() {
		r.client.Close()
		r.host.Close()
		r.mustEnd(t)
	})
	return r
}

func (r *rig) mustEnd(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Fatal("the pump goes on")
	}
}

func (r *rig) mustGoOn(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
		t.Fatal("the pump has ended")
	default:
	}
}

func send(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := to.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, from io.Reader, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != text {
		t.Fatalf("got %q, %v; want %q", got, err, text)
	}
}

func expectEnd(t *testing.T, from io.Reader) {
	t.Helper()
	if n, err := from.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("got %d bytes, %v; want the end", n, err)
	}
}

func TestTheClientsEndLeavesTheHostsDirectionOpen(t *testing.T) {
	r := newRig(t)
	send(t, r.client, "request")
	r.client.CloseWrite()
	expect(t, r.host, "request")
	expectEnd(t, r.host)
	for range 3 {
		send(t, r.host, "answer")
		expect(t, r.client, "answer")
	}
	r.mustGoOn(t)
	r.host.CloseWrite()
	expectEnd(t, r.client)
	r.mustEnd(t)
}

func TestTheHostsEndLeavesTheClientsDirectionOpen(t *testing.T) {
	r := newRig(t)
	send(t, r.host, "greeting")
	r.host.CloseWrite()
	expect(t, r.client, "greeting")
	expectEnd(t, r.client)
	for range 3 {
		send(t, r.client, "more")
		expect(t, r.host, "more")
	}
	r.mustGoOn(t)
	r.client.CloseWrite()
	expectEnd(t, r.host)
	r.mustEnd(t)
}

func TestAHostThatClosesEndsAClientThatSaysNothing(t *testing.T) {
	r := newRig(t)
	send(t, r.host, "last words")
	r.host.Close()
	expect(t, r.client, "last words")
	expectEnd(t, r.client)
	r.mustEnd(t)
}

func TestAHostThatClosesAfterItsEndEndsAClientThatSaysNothing(t *testing.T) {
	r := newRig(t)
	r.host.CloseWrite()
	expectEnd(t, r.client)
	r.mustGoOn(t)
	r.host.Close()
	r.mustEnd(t)
}

func TestAClientsResetHangsUpTheHost(t *testing.T) {
	r := newRig(t)
	send(t, r.client, "x")
	expect(t, r.host, "x")
	r.client.SetLinger(0)
	r.client.Close()
	expectEnd(t, r.host)
	if _, err := r.host.Write([]byte("y")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("write: %v", err)
	}
	r.mustEnd(t)
}

func TestStopEndsAPumpWhoseSidesBothWait(t *testing.T) {
	near, far := net.Pipe() // a write to it waits for a reader, and there is none
	defer far.Close()
	ours, fd, err := socketPair(unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p := &pump{client: near, host: ours}
	ended := make(chan struct{})
	go func() { p.run(); close(ended) }()
	unix.Write(fd, []byte("nobody reads this"))
	p.stop()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the pump goes on")
	}
}

func TestBulkBothWaysIsWhole(t *testing.T) {
	r := newRig(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	type half interface {
		io.ReadWriter
		CloseWrite() error
	}
	got := make(chan []byte, 2)
	for _, side := range []half{r.client, r.host} {
		go func() { side.Write(data); side.CloseWrite() }()
		go func() { all, _ := io.ReadAll(side); got <- all }()
	}
	for range 2 {
		if !bytes.Equal(<-got, data) {
			t.Error("not what was sent")
		}
	}
	r.mustEnd(t)
}

// What Go takes from a host while the client reads nothing is bounded by the buffers beneath.
func TestAClientThatReadsNothingHoldsTheHostBack(t *testing.T) {
	r := newRig(t)
	r.client.SetReadBuffer(4096)
	r.host.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	sent, chunk := 0, make([]byte, 1<<16)
	for {
		n, err := r.host.Write(chunk)
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if sent > 64<<20 {
			t.Fatal("64 MiB and no end")
		}
	}
}
