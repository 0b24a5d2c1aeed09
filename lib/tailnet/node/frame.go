package main

import (
	"encoding/binary"
	"net/netip"
)

const (
	packetHeader = 20 // EK_NODE_PACKET_HEADER
	maxPayload   = 65507
)

// PutPacketHeader writes the header of a message to or from client into the first packetHeader bytes of frame.
func putPacketHeader(frame []byte, client netip.AddrPort) {
	clear(frame[:packetHeader])
	binary.BigEndian.PutUint16(frame[2:], client.Port())
	// IPv4 may come in the IPv6 form from a dual-stack socket; the host must see one form only.
	address := client.Addr().Unmap()
	if address.Is4() {
		frame[0] = 4
		bytes := address.As4()
		copy(frame[4:], bytes[:])
		return
	}
	frame[0] = 6
	bytes := address.As16()
	copy(frame[4:], bytes[:])
}

// SplitPacket is false when frame is not a header and a payload that a datagram can carry.
func splitPacket(frame []byte) (client netip.AddrPort, payload []byte, ok bool) {
	if len(frame) < packetHeader || len(frame) > packetHeader+maxPayload || frame[1] != 0 {
		return netip.AddrPort{}, nil, false
	}
	port := binary.BigEndian.Uint16(frame[2:])
	if port == 0 {
		return netip.AddrPort{}, nil, false
	}
	var address netip.Addr
	switch frame[0] {
	case 4:
		address = netip.AddrFrom4([4]byte(frame[4:8]))
	case 6:
		address = netip.AddrFrom16([16]byte(frame[4:20]))
	default:
		return netip.AddrPort{}, nil, false
	}
	return netip.AddrPortFrom(address, port), frame[packetHeader:], true
}
