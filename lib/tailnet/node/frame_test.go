package main

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestPacketHeaderIsWhatTheHeaderFileSays(t *testing.T) {
	cases := []struct {
		client string
		want   []byte
	}{
		{"100.64.0.2:4660", []byte{4, 0, 0x12, 0x34, 100, 64, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"[::ffff:100.64.0.2]:4660", []byte{4, 0, 0x12, 0x34, 100, 64, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"[fd7a:115c:a1e0::2]:53", []byte{6, 0, 0, 53, 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}},
	}
	for _, c := range cases {
		frame := bytes.Repeat([]byte{0xff}, packetHeader) // what an earlier, longer one left
		putPacketHeader(frame, netip.MustParseAddrPort(c.client))
		if !bytes.Equal(frame, c.want) {
			t.Errorf("%s: got %v, want %v", c.client, frame, c.want)
		}
	}
}

func TestSplitPacketUndoesPutPacketHeader(t *testing.T) {
	for _, text := range []string{"100.64.0.2:1", "[fd7a:115c:a1e0::2]:65535"} {
		client := netip.MustParseAddrPort(text)
		for _, payload := range []string{"", "ping"} {
			frame := make([]byte, packetHeader, packetHeader+len(payload))
			putPacketHeader(frame, client)
			got, rest, ok := splitPacket(append(frame, payload...))
			if !ok || got != client || string(rest) != payload {
				t.Errorf("%s %q: got %v %q %v", text, payload, got, rest, ok)
			}
		}
	}
}

func TestSplitPacketRefusesWhatIsNotAPacket(t *testing.T) {
	good := make([]byte, packetHeader)
	putPacketHeader(good, netip.MustParseAddrPort("100.64.0.2:1"))
	edit := func(at int, to byte) []byte {
		frame := bytes.Clone(good)
		frame[at] = to
		return frame
	}
	bad := map[string][]byte{
		"short":           good[:packetHeader-1],
		"no family":       edit(0, 5),
		"second byte":     edit(1, 1),
		"port 0":          edit(3, 0),
		"payload too big": append(bytes.Clone(good), make([]byte, maxPayload+1)...),
	}
	for name, frame := range bad {
		if _, _, ok := splitPacket(frame); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}
