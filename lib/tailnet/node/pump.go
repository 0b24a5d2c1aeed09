package main

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	copyBytes = 32 << 10 // EK_NODE_COPY_BYTES
	// What an idle connection holds while it waits for the client: its reads cannot be asked for readiness first.
	idleBytes = 4 << 10
)

var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

type closeWriter interface{ CloseWrite() error }

// Pump carries one connection between a tailnet client and the host's socket pair, each direction's end told
// by itself. It ends, with both closed, when both directions have ended, when either side is gone,
// or when stop is called.
type pump struct {
	client net.Conn
	host   *net.UnixConn

	mu        sync.Mutex
	clientEnd bool
	hostEnd   bool
	closed    bool
}

// Run returns when both sides are closed and no goroutine of the pump is left.
func (p *pump) run() {
	var toHost sync.WaitGroup
	toHost.Go(func() {
		if copyToHost(p.host, p.client) != nil {
			p.stop()
			return
		}
		p.host.CloseWrite()
		p.end(&p.clientEnd)
	})
	p.fromHost()
	toHost.Wait()
}

func (p *pump) fromHost() {
	raw, err := p.host.SyscallConn()
	if err != nil || copyFromHost(p.client, raw) != nil {
		p.stop()
		return
	}
	if !p.end(&p.hostEnd) {
		if half, ok := p.client.(closeWriter); !ok || half.CloseWrite() != nil {
			p.stop()
		}
	}
	// The host still reads, or has closed altogether: only the hang-up tells, and the pump may wait for it for
	// as long as the client says nothing.
	raw.Read(hungUp)
	p.stop()
}

// End notes that a direction has ended, and closes when it was the second; it tells whether it was.
func (p *pump) end(which *bool) bool {
	p.mu.Lock()
	*which = true
	both := p.clientEnd && p.hostEnd
	p.mu.Unlock()
	if both {
		p.stop()
	}
	return both
}

// Stop closes both sides. What was written to either is still delivered.
func (p *pump) stop() {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if again {
		return
	}
	// Close alone does not wake a write that waits for the client's window.
	p.client.SetDeadline(time.Unix(1, 0))
	p.client.Close()
	p.host.Close()
}

// CopyToHost returns nil at the client's end of stream. Its buffer grows only while the reads fill it.
func copyToHost(host io.Writer, client io.Reader) error {
	var idle [idleBytes]byte
	for {
		n, err := client.Read(idle[:])
		if err := writeRead(host, idle[:n], err); err != nil {
			return endIsNil(err)
		}
		if n == len(idle) {
			if err := copyBulkToHost(host, client); err != nil {
				return endIsNil(err)
			}
		}
	}
}

func copyBulkToHost(host io.Writer, client io.Reader) error {
	buffer := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(buffer)
	for {
		n, err := client.Read(buffer[:])
		if err := writeRead(host, buffer[:n], err); err != nil {
			return err
		}
		if n < idleBytes {
			return nil
		}
	}
}

// WriteRead writes what a read gave, also one that gave an error as well.
func writeRead(host io.Writer, bytes []byte, readError error) error {
	if len(bytes) > 0 {
		if _, err := host.Write(bytes); err != nil {
			return err
		}
	}
	return readError
}

func endIsNil(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// CopyFromHost returns nil at the host's end of stream. It takes a buffer only when there is something to read.
func copyFromHost(client io.Writer, raw syscall.RawConn) error {
	for {
		buffer, n, err := readWhenReady(raw)
		if n > 0 {
			_, err = client.Write(buffer[:n])
		}
		if buffer != nil {
			copyBuffers.Put(buffer)
		}
		if err != nil || n == 0 {
			return endIsNil(err)
		}
	}
}

func readWhenReady(raw syscall.RawConn) (buffer *[copyBytes]byte, n int, err error) {
	wait := raw.Read(func(fd uintptr) bool {
		buffer = copyBuffers.Get().(*[copyBytes]byte)
		for {
			n, err = unix.Read(int(fd), buffer[:])
			if err != unix.EINTR {
				break
			}
		}
		if err == unix.EAGAIN {
			copyBuffers.Put(buffer)
			buffer = nil
			return false
		}
		return true
	})
	if wait != nil {
		return nil, 0, wait
	}
	return buffer, max(n, 0), err
}

// RunUntil is run, ended early with ctx.
func (p *pump) runUntil(ctx context.Context) {
	defer context.AfterFunc(ctx, p.stop)()
	p.run()
}
