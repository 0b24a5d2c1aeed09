"""Acceptance cases 33, 34 and 35 where the client speaks TLS, or does not quite."""

import ssl
import threading
import time

import harness
import test_case_upgrade
from backends import hang, serve
from client import Client, raw_request
from overtls import OverTls
from secure import TlsClient, TlsSocket

STALL = {"timeouts": {"handshake": "500ms"}}
PLAIN = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class FakeUpgradeOverTls(OverTls, test_case_upgrade.FakeUpgrade):
    """Case 33."""


class WebSocketOverTls(OverTls, test_case_upgrade.WebSocket):
    """Case 34."""


class Handshakes(OverTls):
    """Case 35: whatever comes instead of a handshake, the connection ends soon, and nobody else is disturbed."""

    def hello(self):
        """A ClientHello, and a TLS client that made it."""
        half = TlsSocket(None, self.trusted)
        try:
            half.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return half.records_of(b"")

    def plain(self):
        return self.using(Client(self.proxy.port))

    def ends(self, client, within):
        """What comes until the proxy closes."""
        begun = time.monotonic()
        data = client.read_to_end()
        self.assertLess(time.monotonic() - begun, within)
        return data

    def test_case_35_a_handshake_that_stalls(self):
        hello = self.hello()
        starts = {"nothing": b"", "a byte": hello[:1], "a header": hello[:5], "half": hello[:200], "a hello": hello}
        self.start(serve(), requests=len(starts), **STALL)
        clients = [self.plain() for _ in starts]
        for client, start in zip(clients, starts.values()):
            client.send(start)
        begun = time.monotonic()
        for client in clients:
            self.ends(client, within=10)
        self.assertGreater(time.monotonic() - begun, 0.3)
        self.eventually(lambda: len(self.lines()) == len(starts))
        self.assertEqual(self.logged_errors(), ["client_timeout"] * len(starts))
        self.assertEqual({line["status"] for line in self.lines()}, {0})

    def test_case_35_a_hello_that_trickles_in_does_not_move_the_limit(self):
        self.start(serve(), requests=1, **STALL)
        client = self.plain()
        begun = time.monotonic()
        done = threading.Event()

        def trickle():
            try:
                for byte in self.hello():
                    if done.wait(0.02):
                        return
                    client.send(bytes([byte]))
            except OSError:
                pass

        thread = threading.Thread(target=trickle)
        thread.start()
        client.read_to_end()
        done.set()
        thread.join()
        self.assertTrue(0.3 < time.monotonic() - begun < 8)
        self.assertEqual(self.wait_line()["error"], "client_timeout")

    def test_case_35_a_hello_byte_by_byte_is_one(self):
        self.start(serve(b"fine"), requests=1)
        client = self.plain()
        client.socket = secure = TlsSocket(client.socket, self.trusted)

        class Bytewise:
            def __getattr__(self, name):
                return getattr(plain, name)

            def sendall(self, data):
                for byte in data:
                    plain.sendall(bytes([byte]))

        plain = secure.socket
        secure.socket = Bytewise()
        secure.handshake()
        client.send_request()
        self.assertEqual(client.read_response().body, b"fine")

    def test_case_35_garbage(self):
        hello = self.hello()
        garbage = {
            "zeros": bytes(100_000),
            "text": b"EHLO a.test\r\n",
            "every byte": bytes(range(256)) * 40,
            "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
            "SSL 2": b"\x80\x2e\x01\x03\x01" + bytes(60),
            "application data": b"\x17\x03\x03\x00\x05hello",
            "a record that is too long": b"\x16\x03\x01\xff\xff" + bytes(70_000),
            "a hello of 16 MB": b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(300_000),
            "no end of ChangeCipherSpec": b"\x14\x03\x03\x00\x01\x01" * 10_000,
            "a hello with a broken length": hello[:6] + b"\x00\x00\x10" + hello[9:],
            "a hello, then garbage": hello + b"\x7f" * 500,
            "two hellos": hello + hello,
            "HTTP that OpenSSL does not know": b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
            "a request to a proxy": b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        }
        self.start(serve(), requests=len(garbage))
        for number, (name, data) in enumerate(garbage.items()):
            with self.subTest(name):
                begun = time.monotonic()
                answer = raw_request(self.proxy.port, data)
                self.assertLess(time.monotonic() - begun, 8)
                self.assertNotIn(b"HTTP", answer)
                self.eventually(lambda: len(self.lines()) == number + 1)
        self.assertEqual(set(self.logged_errors()), {"tls_handshake_failed"})
        self.assertEqual(self.backend.received(), b"")

    def test_case_35_plain_http_is_told_so(self):
        requests = {
            "GET": PLAIN,
            "POST": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
            "a head without an end": b"GET / HTTP/1.1\r\nHost: a",
            "much behind it": PLAIN + bytes(500_000),
            "two": PLAIN * 2,
        }
        self.start(serve(), requests=len(requests))
        for name, data in requests.items():
            with self.subTest(name):
                client = self.plain()
                client.send(data)
                response = client.read_response()
                self.assertEqual((response.status, response.complete), (400, True))
                self.assertIn(b"HTTPS", response.body)
                self.assertTrue(response.closes)
                self.assertEqual(client.read_to_end(), b"")
                client.close()
        self.eventually(lambda: len(self.lines()) == len(requests))
        self.assertEqual({line["status"] for line in self.lines()}, {400})
        self.assertEqual(self.backend.received(), b"")

    def test_case_35_plain_http_a_byte_at_a_time(self):
        self.start(serve(), requests=1)
        client = self.plain()
        for byte in PLAIN[:12]:
            client.send(bytes([byte]))
        self.assertEqual(client.read_response().status, 400)

    def test_case_35_a_hello_cut_at_every_byte(self):
        hello = self.hello()
        self.start(serve(), requests=0, timeouts={"handshake": "10m"})  # a cut is no stall
        for end in (Client.close, Client.reset):
            for size in range(len(hello) + 1):
                client = Client(self.proxy.port)
                client.send(hello[:size])
                end(client)

    def test_case_35_the_end_of_a_handshake_cut_at_every_byte(self):
        self.start(serve(), requests=0, timeouts={"handshake": "10m"})
        self.end_cut_at(None, Client.close)
        length = self.end_cut_at(0, Client.close)
        for end in (Client.close, Client.reset):
            for size in range(length):
                self.end_cut_at(size, end)

    def end_cut_at(self, size, end):
        """Sends so much of what the client has to say last; how long that is."""
        client = Client(self.proxy.port)
        secure = TlsSocket(client.socket, self.trusted)
        while True:
            try:
                secure.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                secure.flush()
                secure.pull()
        last = secure.records_of(b"")
        client.send(last[:size])
        end(client)
        return len(last)


class Ends(OverTls):
    """Case 35: a FIN without close_notify. Python's own client, and most others, end so."""

    def without_a_word(self, client):
        client.socket.says_end = False

    def test_case_35_while_idle(self):
        self.start(serve(), requests=1, timeouts={"idle": "10m"})
        client = self.client()
        self.assertEqual(client.request().status, 200)
        self.without_a_word(client)
        client.half_close()
        self.assertTrue(client.at_end())

    def test_case_35_before_the_answer(self):
        release = threading.Event()

        def script(peer):
            peer.read_request()
            release.wait(20)
            peer.answer(b"x" * 100_000)
            peer.wait_closed()

        self.start(script, requests=1)
        client = self.client()
        client.send_request()
        self.without_a_word(client)
        client.half_close()
        release.set()
        response = client.read_response()
        self.assertEqual((len(response.body), response.complete), (100_000, True))
        self.assertTrue(client.at_end())

    def test_case_35_close_notify_alone_is_an_end_too(self):
        for fin in (False, True):
            with self.subTest(fin=fin):
                self.start(serve(b"x" * 300_000), requests=1)
                client = self.client()
                client.send_request()
                client.socket.say_end()
                if fin:
                    client.half_close()
                response = client.read_response()
                self.assertEqual((len(response.body), response.complete), (300_000, True))
                self.assertTrue(client.at_end())
                self.assertFalse(client.was_reset)
                self.doCleanups()

    def upload_cut(self, end, **options):
        """Half a body, then `end`: the target must not take it for a whole one."""
        seen = []

        def script(peer):
            request = peer.read_head()
            seen.append(request and peer.read_body(request))

        self.start(script, requests=1, **options)
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"x" * 50)
        self.eventually(lambda: self.backend.count() == 1)
        end(client)
        self.eventually(lambda: seen)
        self.assertIn(seen[0], (None, False))
        self.assertEqual(self.wait_line()["error"], "client_closed")

    def test_case_35_within_a_body_by_a_bare_fin(self):
        def end(client):
            self.without_a_word(client)
            client.half_close()
            self.assertTrue(client.at_end())

        self.upload_cut(end)

    def test_case_35_within_a_body_by_close_notify(self):
        self.upload_cut(lambda client: client.socket.say_end())

    def test_case_35_within_a_body_by_a_reset(self):
        self.upload_cut(Client.reset)

    def test_case_35_within_a_head(self):
        self.start(serve(), requests=1)
        client = self.client()
        client.send(b"GET / HT")
        self.without_a_word(client)
        client.half_close()
        self.assertTrue(client.at_end())
        self.assertEqual(self.wait_line()["error"], "client_closed")

    def test_case_35_garbage_after_the_handshake(self):
        self.start(hang, requests=1)
        client = self.client()
        client.send_request()
        self.eventually(lambda: self.backend.count() == 1)
        client.socket.socket.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        begun = time.monotonic()
        with self.assertRaisesRegex(ssl.SSLError, "ALERT_BAD_RECORD_MAC"):
            client.more()
        self.assertLess(time.monotonic() - begun, 8)
        self.assertEqual(self.wait_line()["error"], "client_closed")

    def test_case_35_a_response_that_is_cut_has_no_end(self):
        def script(peer):
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

        self.start(script, requests=1)
        client = self.client()
        client.send_request()
        self.assertFalse(client.read_response().complete)
        self.assertTrue(client.was_reset, "no close_notify, a reset")


if __name__ == "__main__":
    harness.main()
