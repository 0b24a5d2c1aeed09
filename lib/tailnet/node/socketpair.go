package main

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// SocketPair makes a pair of Unix sockets, both ends non-blocking and close-on-exec: one for Go's poller, one
// as a bare descriptor for the host.
func socketPair(kind int) (ours *net.UnixConn, host int, err error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, err
	}
	file := os.NewFile(uintptr(ends[0]), "evenkeel")
	defer file.Close() // FileConn works on a duplicate
	conn, err := net.FileConn(file)
	if err != nil {
		unix.Close(ends[1])
		return nil, -1, err
	}
	return conn.(*net.UnixConn), ends[1], nil
}

// HungUp tells whether the other end is closed as a whole, as against shut down for writing.
func hungUp(fd uintptr) bool {
	poll := []unix.PollFd{{Fd: int32(fd)}}
	for {
		_, err := unix.Poll(poll, 0)
		if err != unix.EINTR {
			return err != nil || poll[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		}
	}
}
