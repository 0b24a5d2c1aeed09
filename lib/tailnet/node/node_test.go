package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// NewTestNode is a node whose control server is a port that nobody listens at.
func newTestNode(t *testing.T) (*node, net.Conn) {
	t.Helper()
	n, err := newNode(options{Hostname: "test", Ephemeral: true, ControlURL: "http://127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	n.runEvents()
	fd, err := n.takeStream()
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "events")
	stream, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	stream.SetDeadline(time.Now().Add(3 * patience))
	return n, stream
}

func readEvent(t *testing.T, from *bufio.Scanner) (event line) {
	t.Helper()
	if !from.Scan() {
		t.Fatalf("the stream ended: %v", from.Err())
	}
	if err := json.Unmarshal(from.Bytes(), &event); err != nil {
		t.Fatal(err)
	}
	return event
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// One life of a node: everything open, a start that hangs, a close in the middle.
func live(t *testing.T) {
	n, stream := newTestNode(t)
	defer stream.Close()
	events := bufio.NewScanner(stream)
	accepting, err := n.listen(1, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(accepting)
	packets, err := n.listenPacket(2, netip.Addr{}, 9)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(packets)
	if err := n.start(""); err != nil {
		t.Fatal(err)
	}
	if event := readEvent(t, events); event.State != "Starting" {
		t.Fatalf("got %+v", event)
	}
	if err := n.start(""); err != nil { // a second attempt takes the place of the first
		t.Fatal(err)
	}
	if err := n.whois(3, "100.64.0.1:1"); err != nil {
		t.Fatal(err)
	}
	for {
		if event := readEvent(t, events); event.Event == "whois" {
			if event.ID != 3 || event.Error == "" {
				t.Errorf("got %+v", event)
			}
			break
		}
	}
	n.close()
	n.close()
	for events.Scan() {
	}
	if err := events.Err(); err != nil {
		t.Fatal(err)
	}
	if n.start("") != unix.EBADF || n.whois(4, "100.64.0.1:1") != unix.EBADF {
		t.Error("a closed node does as asked")
	}
}

func TestAClosedNodeLeavesNothing(t *testing.T) {
	live(t) // what is made once and kept
	goroutines, open := runtime.NumGoroutine(), descriptors(t)
	for range 3 {
		live(t)
	}
	// Some of tsnet's own end a moment after its Close.
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > goroutines && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines, %d before", now, goroutines)
		pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	if now := descriptors(t); now > open {
		t.Errorf("%d descriptors, %d before", now, open)
	}
}

func TestAStartThatFailsIsToldAndLeavesNothing(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n, stream := newTestNode(t)
	defer stream.Close()
	n.options.StateDir = file + "/below"
	events := bufio.NewScanner(stream)
	for range 2 {
		if err := n.start(""); err != nil {
			t.Fatal(err)
		}
		event := readEvent(t, events)
		for event.State == "Starting" {
			event = readEvent(t, events)
		}
		if event.State != "Failed" || event.Error == "" {
			t.Fatalf("got %+v", event)
		}
	}
	n.close()
	for events.Scan() {
	}
}

func TestAListenerThatTheHostClosesEnds(t *testing.T) {
	n, stream := newTestNode(t)
	defer stream.Close()
	for range 3 { // the second takes its turn at the port after the first
		fd, err := n.listen(1, 7, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
	}
	ended := make(chan struct{})
	go func() { n.work.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("a listener goes on")
	}
	n.close()
}

func TestQuestionsAreBounded(t *testing.T) {
	n, stream := newTestNode(t)
	defer stream.Close()
	for range maxCert {
		n.certSlots <- struct{}{} // as answers that nobody reads do
	}
	if err := n.cert(1, "a.example.com"); err != unix.EAGAIN {
		t.Errorf("got %v", err)
	}
	n.close()
}
