// Package main is the archive that evenkeel_node.h describes: handles and C types, nothing else is here.
package main

/*
#include "evenkeel_node.h"
// The spelling that makes cgo's own declarations agree with the header's: the compiler checks them.
typedef const char ek_string;
*/
import "C"

import (
	"errors"
	"io"
	"log"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
	"tailscale.com/envknob"
)

func main() {} // an archive needs one; it is never called

var (
	nodesMu  sync.Mutex
	nodes    = map[C.int]*node{}
	nextNode C.int

	prepare = sync.OnceFunc(func() {
		envknob.SetNoLogsNoSupport()
		// Some packages beneath tsnet log here; the process's standard error is the host's.
		log.SetOutput(io.Discard)
	})
)

func lookUp(handle C.int) *node {
	nodesMu.Lock()
	defer nodesMu.Unlock()
	return nodes[handle]
}

func errnoOf(err error) C.int {
	var number unix.Errno
	if errors.As(err, &number) && number != 0 {
		return -C.int(number)
	}
	return -C.int(unix.EIO)
}

func descriptorOr(fd int, err error) C.int {
	if err != nil {
		return errnoOf(err)
	}
	return C.int(fd)
}

func zeroOr(err error) C.int {
	if err != nil {
		return errnoOf(err)
	}
	return 0
}

//export ek_node_new
func ek_node_new(options *C.ek_string) C.int {
	if options == nil {
		return -C.int(unix.EINVAL)
	}
	parsed, err := parseOptions(C.GoString(options))
	if err != nil {
		return -C.int(unix.EINVAL)
	}
	prepare()
	n, err := newNode(parsed)
	if err != nil {
		return errnoOf(err)
	}
	n.runEvents()
	nodesMu.Lock()
	defer nodesMu.Unlock()
	nextNode++
	nodes[nextNode] = n
	return nextNode
}

//export ek_node_events
func ek_node_events(handle C.int) C.int {
	n := lookUp(handle)
	if n == nil {
		return -C.int(unix.EBADF)
	}
	return descriptorOr(n.takeStream())
}

//export ek_node_start
func ek_node_start(handle C.int, authKey *C.ek_string) C.int {
	n := lookUp(handle)
	if n == nil {
		return -C.int(unix.EBADF)
	}
	var key string
	if authKey != nil {
		key = C.GoString(authKey)
	}
	C.ek_node_signals_on_stack()
	return zeroOr(n.start(key))
}

//export ek_node_listen
func ek_node_listen(handle C.int, id C.int, network *C.ek_string, port C.int, flags C.int) C.int {
	n := lookUp(handle)
	if n == nil {
		return -C.int(unix.EBADF)
	}
	funnelOnlyAlone := flags&flagFunnelOnly != 0 && flags&flagFunnel == 0
	if network == nil || C.GoString(network) != "tcp" || id <= 0 || port < 1 || port > 65535 ||
		flags&^(flagFunnel|flagFunnelOnly) != 0 || funnelOnlyAlone {
		return -C.int(unix.EINVAL)
	}
	return descriptorOr(n.listen(int(id), int(port), int(flags)))
}

//export ek_node_listen_packet
func ek_node_listen_packet(handle C.int, id C.int, ip *C.ek_string, port C.int) C.int {
	n := lookUp(handle)
	if n == nil {
		return -C.int(unix.EBADF)
	}
	var address netip.Addr
	if ip != nil && C.GoString(ip) != "" {
		var err error
		if address, err = netip.ParseAddr(C.GoString(ip)); err != nil || address.Zone() != "" {
			return -C.int(unix.EINVAL)
		}
	}
	if id <= 0 || port < 1 || port > 65535 {
		return -C.int(unix.EINVAL)
	}
	return descriptorOr(n.listenPacket(int(id), address, int(port)))
}

//export ek_node_whois
func ek_node_whois(handle C.int, id C.long, address *C.ek_string) C.int {
	n := lookUp(handle)
	if n == nil {
		return -C.int(unix.EBADF)
	}
	if address == nil {
		return -C.int(unix.EINVAL)
	}
	parsed, err := netip.ParseAddrPort(C.GoString(address))
	if err != nil {
		return -C.int(unix.EINVAL)
	}
	return zeroOr(n.whois(int64(id), parsed.String()))
}

//export ek_node_cert
func ek_node_cert(handle C.int, id C.long, domain *C.ek_string) C.int {
	n := lookUp(handle)
	if n == nil {
		return -C.int(unix.EBADF)
	}
	if domain == nil || C.GoString(domain) == "" {
		return -C.int(unix.EINVAL)
	}
	return zeroOr(n.cert(int64(id), C.GoString(domain)))
}

//export ek_node_close
func ek_node_close(handle C.int) {
	nodesMu.Lock()
	n := nodes[handle]
	delete(nodes, handle)
	nodesMu.Unlock()
	if n != nil {
		n.close()
	}
}
