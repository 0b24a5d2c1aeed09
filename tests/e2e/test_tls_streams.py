"""Bodies and tunnels where the client, the target or both speak TLS: every byte, in any pieces, bounded memory."""

import hashlib
import threading

import harness
import test_case_upgrade
from acceptance import MIB
from harness import is_sanitized
from overtls import OverTls
from processes import rss_bytes
from secure import TlsBackend, showing
from streams import send_much

SIZE = (8 if harness.FULL else 2) * MIB + 4_321
DATA = hashlib.shake_128(b"a body").digest(SIZE)
PIECES = (1, 100, 16_383, 16_384, 16_385, 65_536, 300_000)  # around the sizes of records and buffers


def chunked(data):
    at = number = 0
    while at < len(data):
        piece = data[at:at + PIECES[number % len(PIECES)]]
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
        at += len(piece)
        number += 1
    yield b"0\r\n\r\n"


class ToTlsTargets(OverTls):
    """Behind an https port; a script is a target that speaks TLS, too."""

    def start(self, *targets, requests, **options):
        wrapped = [self.using(TlsBackend(showing(self.pair), target)) if callable(target) else target
                   for target in targets]
        return super().start(*wrapped, requests=requests, targetTls={"ca": self.pair[0]}, **options)


class Bodies(OverTls):
    """A TLS client, a plain target."""

    def get(self, script, version="1.1"):
        self.start(script, requests=1)
        client = self.client()
        client.send_request(version=version)
        response = client.read_response()
        self.assertTrue(response.complete)
        self.assertEqual(len(response.body), SIZE)
        self.assertEqual(response.body, DATA)
        self.assertEqual(self.wait_line()["bytes_out"], SIZE)

    def test_a_counted_answer(self):
        def script(peer):
            while peer.read_request():
                peer.answer(DATA)

        self.get(script)

    def test_a_chunked_answer(self):
        def script(peer):
            while peer.read_request():
                peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for chunk in chunked(DATA):
                    peer.send(chunk)

        self.get(script)

    def test_an_answer_until_the_end(self):
        def script(peer):
            if peer.read_request():
                peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + DATA)

        for version in ("1.1", "1.0"):
            with self.subTest(version):
                self.get(script, version)
            self.doCleanups()

    def upload(self, head, pieces):
        self.start(lambda peer: self.answer_with_digest(peer), requests=1)
        client = self.client()
        client.send(head)
        for piece in pieces:
            client.send(piece)
        self.assertEqual(client.read_response().body, hashlib.sha256(DATA).hexdigest().encode())
        self.assertEqual(self.wait_line()["bytes_in"], SIZE)

    @staticmethod
    def answer_with_digest(peer):
        while request := peer.read_request():
            peer.answer(hashlib.sha256(request.body).hexdigest().encode())

    def test_a_counted_upload(self):
        self.upload(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE, [DATA])

    def test_a_chunked_upload(self):
        self.upload(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(DATA))

    def test_both_directions_at_once(self):
        """The target answers with what it reads, as it reads it."""
        def script(peer):
            request = peer.read_head()
            if request is None:
                return
            left = int(request.get("content-length"))
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
            while left:
                if not peer.buffer and not peer.more():
                    return
                data, peer.buffer = peer.buffer, b""
                peer.send(data)
                left -= len(data)

        self.start(script, requests=1)
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE)
        sender = threading.Thread(target=client.send, args=(DATA,))
        sender.start()
        response = client.read_response()
        sender.join()
        self.assertEqual((response.complete, response.body == DATA), (True, True))

    def test_a_slow_reader_pauses_the_target(self):
        paused = threading.Event()

        def script(peer):
            if not peer.read_request():
                return
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
            peer.socket.settimeout(0.5)
            block = bytes(MIB)
            try:
                for _ in range(64):
                    peer.socket.sendall(block)
            except TimeoutError:
                paused.set()

        self.start(script, requests=1)
        before = rss_bytes(self.proxy.pid)
        client = self.client(receive_buffer=65_536)
        client.send_request()
        self.assertTrue(paused.wait(30), "the target is paused")
        if not is_sanitized():
            self.assertLess(rss_bytes(self.proxy.pid) - before, 4 * MIB)

    def test_a_slow_target_pauses_the_client(self):
        go = threading.Event()
        self.addCleanup(go.set)

        def script(peer):
            request = peer.read_head()
            go.wait(30)
            if request and peer.read_body(request):
                peer.answer(b"got it")

        self.start(script, requests=1)
        before = rss_bytes(self.proxy.pid)
        client = self.client()
        size = 24 * MIB
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        client.socket.socket.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            for _ in range(size // MIB):
                client.send(bytes(MIB))
        if not is_sanitized():
            self.assertLess(rss_bytes(self.proxy.pid) - before, 4 * MIB)


class BodiesOfTlsTargets(ToTlsTargets, Bodies):
    """TLS on both sides."""


class Pieces(OverTls):
    REQUEST = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"

    def echo(self, peer):
        while request := peer.read_request():
            peer.answer(request.target.encode() + request.body)

    def answers(self, client, count):
        for number in range(count):
            self.assertEqual(client.read_response().body, b"/%d0123456789" % number)

    def test_many_requests_in_one_record(self):
        self.start(self.echo, requests=50)
        client = self.client()
        client.send(b"".join(self.REQUEST % number for number in range(50)))
        self.answers(client, 50)

    def test_many_requests_and_the_end_in_one_packet(self):
        self.start(self.echo, requests=50)
        client = self.client()
        wire = client.socket.records_of(b"".join(self.REQUEST % number for number in range(50)))
        client.socket.flush = lambda: None
        client.socket.say_end()
        client.socket.socket.sendall(wire + client.socket.records_of(b""))
        self.answers(client, 50)
        self.assertTrue(client.at_end())

    def test_a_record_a_byte(self):
        self.start(self.echo, requests=5)
        client = self.client()
        wire = b"".join(client.socket.records_of(bytes([byte]))
                        for number in range(5) for byte in self.REQUEST % number)
        client.socket.socket.sendall(wire)
        self.answers(client, 5)

    def test_a_byte_of_the_wire_at_a_time(self):
        self.start(self.echo, requests=2)
        client = self.client()
        for byte in client.socket.records_of(self.REQUEST % 0 + self.REQUEST % 1):
            client.socket.socket.sendall(bytes([byte]))
        self.answers(client, 2)

    def test_every_cut_of_a_request_into_two_records(self):
        request = self.REQUEST % 0
        self.start(self.echo, requests=len(request) - 1)
        client = self.client()
        for cut in range(1, len(request)):
            client.send(request[:cut])
            client.send(request[cut:])
            self.answers(client, 1)


class PiecesToTlsTargets(ToTlsTargets, Pieces):
    """TLS on both sides."""


class WebSocketToTlsTargets(ToTlsTargets, test_case_upgrade.WebSocket):
    """wss on both sides: each ends by itself, with close_notify."""


class FakeUpgradeToTlsTargets(ToTlsTargets, test_case_upgrade.FakeUpgrade):
    """What is no tunnel over plain TCP is none over TLS."""


class LongOnes(OverTls):
    """What sendfile and splice(2) do for plain bodies nobody does for these."""

    def test_a_hundred_megabytes(self):
        size = 100 * MIB if harness.FULL else 24 * MIB
        digests = []

        def script(peer):
            if peer.read_request():
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
                digests.append(send_much(peer.socket, size))

        self.start(script, requests=1)
        client = self.client()
        client.send_request()
        response = client.read_response(body=False)
        self.assertEqual(response.status, 200)
        digest = hashlib.sha256(client.buffer)
        count = len(client.buffer)
        while count < size and (data := client.socket.recv(1 << 18)):
            digest.update(data)
            count += len(data)
        self.assertEqual((count, digest.hexdigest()), (size, digests[0]))


if __name__ == "__main__":
    harness.main()
