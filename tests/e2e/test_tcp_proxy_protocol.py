"""The PROXY protocol: what is told to targets, what is believed, and from whom.

https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt
"""

import socket
import struct
import tempfile
import time

import harness
from backends import Backend
from client import LOOPBACK, Client
from greeters import GreeterTest, name_of, url_of

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FROM_LOOPBACK = ["127.0.0.0/8"]


def v1(client, local):
    family = "TCP6" if ":" in client[0] else "TCP4"
    return f"PROXY {family} {client[0]} {local[0]} {client[1]} {local[1]}\r\n".encode("ascii")


def v2(client, local, tlvs=b""):
    is_v6 = ":" in client[0]
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    block = b"".join(socket.inet_pton(family, end[0]) for end in (client, local))
    block += struct.pack(">HH", client[1], local[1]) + tlvs
    return SIGNATURE + struct.pack(">BBH", 0x21, 0x21 if is_v6 else 0x11, len(block)) + block


VERSIONS = (("v1", v1), ("v2", v2))
ALICE = ("192.0.2.7", 51_034), ("198.51.100.1", 443)
BOB = ("2001:db8::7", 65_535), ("2001:db8::1", 1)
LOCAL = SIGNATURE + b"\x20\0\0\0"
MALFORMED = {
    "no header": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a lower case line": b"proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "a line without ports": b"PROXY TCP4 192.0.2.7 198.51.100.1\r\n",
    "an address that is none": b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
    "an address of the other family": b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    "a port that is none": b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n",
    "a leading zero": b"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
    "two spaces": b"PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "a bare LF": b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
    "a line that is too long": b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
    "a wrong signature": b"\r\n\r\n\0\r\nQUIT\r" + v2(*ALICE)[12:],
    "version 3": SIGNATURE + b"\x31" + v2(*ALICE)[13:],
    "an unknown command": SIGNATURE + b"\x22" + v2(*ALICE)[13:],
    "UDP": SIGNATURE + b"\x21\x12" + v2(*ALICE)[14:],
    "a block that is too short": SIGNATURE + b"\x21\x11\0\x0b" + v2(*ALICE)[16:],
    "a block that is too long": SIGNATURE + b"\x21\x11\xff\xff" + v2(*ALICE)[16:],
}


def keep(peer):
    """Keeps what it gets, and answers with it when that ends."""
    peer.wait_closed()
    peer.send(bytes(peer.received))


class HeaderTest(GreeterTest):
    def exchange(self, *pieces, **options):
        """What the target got of a connection that sent this."""
        client = self.connect(**options)
        for piece in pieces:
            client.send(piece)
        client.half_close()
        data = client.read_to_end()
        self.assertFalse(client.was_reset, "refused")
        return data


class Sent(HeaderTest):
    def check(self, version, make, host, data=b"data"):
        self.start(script=keep, proxyProtocol=version, listen=host)
        client = self.connect(host=host)
        header = make(name_of(client), (host, self.proxy.port))
        client.send(data)
        client.half_close()
        self.assertEqual(client.read_to_end(), header + data)
        self.assertEqual(self.line_of(name_of(client))["bytes_in"], len(data))

    def test_v1_of_ipv4(self):
        self.check("v1", v1, LOOPBACK)

    def test_v1_of_ipv6(self):
        self.check("v1", v1, "::1")

    def test_v2_of_ipv4(self):
        self.check("v2", v2, LOOPBACK)

    def test_v2_of_ipv6(self):
        self.check("v2", v2, "::1")

    def test_it_comes_when_the_client_has_said_nothing(self):
        for version, make in VERSIONS:
            with self.subTest(version):
                self.start(script=lambda peer: (peer.more(), peer.send(peer.buffer), peer.wait_closed()),
                           proxyProtocol=version)
                client = self.connect(source="127.0.0.9")
                header = make(name_of(client), (LOOPBACK, self.proxy.port))
                self.assertEqual(client.read_exactly(len(header)), header)

    def test_bulk_follows_it_unharmed(self):
        self.check("v2", v2, LOOPBACK, bytes(range(256)) * 20_000)

    def test_the_address_the_client_connected_to_is_told_on_a_wildcard(self):
        self.start(script=keep, proxyProtocol="v1", listen="0.0.0.0")
        client = self.connect(host="127.0.0.5")
        client.half_close()
        self.assertEqual(client.read_to_end(), v1(name_of(client), ("127.0.0.5", self.proxy.port)))

    def test_a_unix_socket_gets_it_too(self):
        path = self.using(tempfile.TemporaryDirectory(prefix="evenkeel-")) + "/target"
        backend = self.using(Backend(keep, unix_path=path))
        self.start(f"unix:{path}", proxyProtocol="v2")
        client = self.connect()
        client.half_close()
        self.assertEqual(client.read_to_end(), v2(name_of(client), (LOOPBACK, self.proxy.port)))
        self.assertEqual(len(backend.peers), 1)


class Accepted(HeaderTest):
    # Whether a piece was read is asked of /proc/net/tcp, which is long while other tests run.
    PATIENT = {"timeouts": {"proxyHeader": "1m"}}

    def accepting(self, **options):
        self.start(script=keep, **{"acceptProxyProtocol": FROM_LOOPBACK, **options})

    def assert_client_in_log(self, *names, **fields):
        for ip, port in names:
            text = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
            self.proxy.wait_event("access", client=text, **fields)

    def test_the_log_names_the_client_of_the_header(self):
        self.accepting()
        for _, make in VERSIONS:
            for ends in (ALICE, BOB):
                self.assertEqual(self.exchange(make(*ends) + b"data"), b"data")
        self.proxy.wait_event("access", 2, client="192.0.2.7:51034", bytes_in=4)
        self.proxy.wait_event("access", 2, client="[2001:db8::7]:65535", bytes_in=4)

    def test_without_a_client_in_the_header_it_is_the_peer(self):
        self.accepting()
        for header in (LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n"):
            with self.subTest(header):
                client = self.connect()
                client.send(header + b"data")
                client.half_close()
                self.assertEqual(client.read_to_end(), b"data")
                self.line_of(name_of(client))

    def test_cut_at_every_byte(self):
        # So that a piece is no part of the one before when it is read: TCP_NODELAY, and the proxy has read it.
        self.accepting(**self.PATIENT)
        for _, make in VERSIONS:
            for ends in (ALICE, BOB):
                header = make(*ends)
                for cut in range(1, len(header) + 1):
                    client = self.connect()
                    client.send(header[:cut])
                    self.wait_until_read(client)
                    client.send(header[cut:] + b"data")
                    client.half_close()
                    self.assertEqual(client.read_to_end(), b"data", (header, cut))

    def test_byte_by_byte(self):
        self.accepting(**self.PATIENT)
        for _, make in VERSIONS:
            client = self.connect()
            for byte in make(*BOB):
                client.send(bytes([byte]))
                self.wait_until_read(client)
            client.send(b"data")
            client.half_close()
            self.assertEqual(client.read_to_end(), b"data")

    def wait_until_read(self, client):
        """Until nothing of it is in the kernel's buffer of the proxy's side."""
        mine, port = name_of(client)[1], self.proxy.port

        def queued():
            with open("/proc/net/tcp", encoding="ascii") as table:
                for line in table.readlines()[1:]:
                    _, local, remote, _, queues, *_ = line.split()
                    if int(local[-4:], 16) == port and int(remote[-4:], 16) == mine:
                        return int(queues.rpartition(":")[2], 16)
            return -1

        self.eventually(lambda: queued() == 0, "the piece is read")

    def test_bytes_right_behind_it_arrive_once_and_in_order(self):
        self.accepting()
        data = bytes(range(256)) * 1_000
        for _, make in VERSIONS:
            self.assertEqual(self.exchange(make(*ALICE) + data, data), data + data)

    def test_tlvs_are_passed_over(self):
        self.accepting()
        tlvs = b"\x01\0\x02h2" + b"\x04\0\x80" + b"\0" * 128
        self.assertEqual(self.exchange(v2(*ALICE, tlvs) + b"data"), b"data")

    def test_only_the_first_header_is_one(self):
        self.accepting()
        second = v1(*BOB)
        self.assertEqual(self.exchange(v1(*ALICE) + second), second)

    def test_it_is_sent_on_in_the_version_of_the_target(self):
        for version, write in VERSIONS:
            self.accepting(proxyProtocol=version)
            for _, make in VERSIONS:
                for ends in (ALICE, BOB):
                    self.assertEqual(self.exchange(make(*ends) + b"data"), write(*ends) + b"data")

    def test_of_no_client_the_peer_is_sent_on(self):
        self.accepting(proxyProtocol="v1")
        client = self.connect()
        client.send(LOCAL)
        client.half_close()
        self.assertEqual(client.read_to_end(), v1(name_of(client), (LOOPBACK, self.proxy.port)))

    def test_hash_sees_the_client_of_the_header(self):
        targets = [self.using(Backend(keep)) for _ in range(4)]
        self.start(*targets, loadbalance="hash", acceptProxyProtocol=FROM_LOOPBACK)

        def target_of(number):
            name = (f"192.0.2.{number}", 1000 + number)
            self.exchange(v2(name, ALICE[1]))
            return self.proxy.wait_event("access", client=f"{name[0]}:{name[1]}")[-1]["target"]

        first = [target_of(number) for number in range(32)]
        self.assertEqual(set(first), {url_of(target) for target in targets})
        for number in range(32):
            self.exchange(v1((f"192.0.2.{number}", 2000 + number), ALICE[1]))
            line = self.proxy.wait_event("access", client=f"192.0.2.{number}:{2000 + number}")[0]
            self.assertEqual(line["target"], first[number])

    def test_per_client_counts_the_client_of_the_header(self):
        self.accepting(perClient={"connections": 1})
        first = self.connect()
        first.send(v1(*ALICE) + b"data")
        self.eventually(lambda: self.backend.received() == b"data", "it is connected")
        same = self.connect()
        same.send(v1((ALICE[0][0], 7), ALICE[1]))
        self.assert_reset(same)
        self.assertEqual(self.exchange(v1(*BOB) + b"other"), b"other")

    def test_who_waits_for_a_place_is_no_hindrance_to_who_has_one(self):
        self.accepting(limits={"connections": 1, "queue": 1}, timeouts={"queue": "1m"})
        inside, waiting = self.connect(), self.connect()
        self.assert_refused()  # so the other two have been seen
        for client in (inside, waiting):
            client.send(v1(*ALICE) + b"data")
            client.half_close()
            self.assertEqual(client.read_to_end(), b"data")


class Refused(HeaderTest):
    def refusing(self, **options):
        self.start(script=keep, **{"acceptProxyProtocol": FROM_LOOPBACK, **options})

    def assert_rst(self, data, **options):
        try:
            with Client(self.proxy.port, **options) as client:
                client.send(data)
                self.assert_reset(client)
        except (ConnectionResetError, BrokenPipeError):
            pass  # before everything was sent

    def test_malformed_headers(self):
        self.refusing()
        for name, header in MALFORMED.items():
            with self.subTest(name):
                self.assert_rst(header + b"data")
        lines = self.proxy.wait_event("access", len(MALFORMED))
        self.assertEqual({(line["error"], line["target"], line["bytes_in"]) for line in lines},
                         {("bad_request", "", 0)})
        self.assertEqual(self.backend.peers, [])

    def test_a_connection_that_ends_within_the_header(self):
        self.refusing()
        for header in (b"", b"P", v1(*ALICE)[:-1], v2(*ALICE)[:-1]):
            with self.subTest(header):
                client = self.connect()
                client.send(header)
                client.half_close()
                self.assert_reset(client)
        self.assertEqual(self.backend.peers, [])

    def test_a_peer_that_is_not_in_the_list(self):
        self.refusing(acceptProxyProtocol=["127.0.0.2", "127.1.0.0/16"])
        for source in (LOOPBACK, "127.0.0.3", "127.2.0.1"):
            self.assert_rst(v1(*ALICE), source=source)
        self.assertEqual(self.backend.peers, [])
        for source in ("127.0.0.2", "127.1.2.3"):
            self.assertEqual(self.exchange(v1(*ALICE) + b"data", source=source), b"data")

    def test_a_header_that_nobody_accepts_is_data(self):
        self.refusing(acceptProxyProtocol=[])
        self.assertEqual(self.exchange(v1(*ALICE) + b"data"), v1(*ALICE) + b"data")

    def test_a_header_that_does_not_come_in_time(self):
        self.refusing(timeouts={"proxyHeader": "400ms"})
        for sent in (b"", v1(*ALICE)[:-1], v2(*ALICE)[:-1]):
            with self.subTest(sent):
                begun = time.monotonic()
                client = self.connect()
                client.send(sent)
                self.assert_reset(client)
                self.assertGreater(time.monotonic() - begun, 0.39)
                self.assertLess(time.monotonic() - begun, 5)
                self.assertEqual(self.line_of(name_of(client))["error"], "client_timeout")
        self.assertEqual(self.backend.peers, [])

    def test_the_time_is_for_the_whole_header(self):
        self.refusing(timeouts={"proxyHeader": "600ms"})
        begun = time.monotonic()
        client = self.connect()
        client.socket.settimeout(0.2)
        # A byte each 200 ms would take longer than that.
        for byte in v1(*ALICE):
            client.send(bytes([byte]))
            try:
                self.assertEqual(client.socket.recv(1), b"?")
            except TimeoutError:
                continue
            except ConnectionResetError:
                break
        self.assertGreater(time.monotonic() - begun, 0.59)
        self.assertLess(time.monotonic() - begun, 3)

    def test_it_is_over_with_the_header(self):
        self.refusing(timeouts={"proxyHeader": "300ms"})
        client = self.connect()
        begun = time.monotonic()
        client.send(v1(*ALICE))
        client.socket.settimeout(0.6)
        with self.assertRaises(TimeoutError):
            client.socket.recv(1)
        self.assertGreater(time.monotonic() - begun, 0.5)
        client.socket.settimeout(20)
        client.send(b"data")
        client.half_close()
        self.assertEqual(client.read_to_end(), b"data")


if __name__ == "__main__":
    harness.main()
