"""Acceptance cases 33 and 34: a byte tunnel after a matching 101, and nothing else."""

import hashlib
import select
import socket
import threading
import time

import harness
from acceptance import MIB, AcceptanceCase
from backends import say, serve

REQUEST = (b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Key: abc\r\n\r\n")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Raw: yes\r\n\r\n"


class FakeUpgrade(AcceptanceCase):
    """Case 33: what looks like an upgrade must not turn the connection into a tunnel."""

    def seen(self):
        return [request.target for request in self.backend.requests]

    def behind_a_refused_upgrade(self, behind):
        """Those bytes were written for another protocol, or to deceive: both sides are closed."""
        self.start(serve(b"plain"), requests=1)
        client = self.client()
        client.send(REQUEST + behind)
        self.assertEqual(client.read_response().body, b"plain")
        self.assertEqual(client.read_to_end(), b"")
        self.assertEqual(self.seen(), ["/ws"])
        self.assertNotIn(behind, self.backend.received())

    def test_case_33_a_request_smuggled_behind_a_refused_upgrade_is_not_forwarded(self):
        self.behind_a_refused_upgrade(SMUGGLED)

    def test_case_33_nor_is_a_malformed_one(self):
        self.behind_a_refused_upgrade(SMUGGLED.replace(b"Host: a", b"Host : a"))

    def test_case_33_nor_is_a_frame(self):
        self.behind_a_refused_upgrade(b"\x81\x05hello")

    def test_case_33_the_connection_of_a_refused_upgrade_is_a_plain_one(self):
        self.start(serve(b"no upgrade"), requests=2)
        client = self.client()
        client.send(REQUEST)
        self.assertEqual(client.read_response().body, b"no upgrade")
        self.assertEqual(client.request().status, 200)
        self.assertEqual(self.seen(), ["/ws", "/"])

    def test_case_33_what_is_no_proper_upgrade_is_forwarded_as_a_plain_request(self):
        length = REQUEST.replace(b"Upgrade: websocket\r\n", b"Upgrade: websocket\r\nContent-Length: 3\r\n") + b"abc"
        requests = {
            "h2c": REQUEST.replace(b"websocket", b"h2c"),
            "another protocol": REQUEST.replace(b"websocket", b"foo"),
            "not a GET": REQUEST.replace(b"GET", b"POST"),
            "HTTP/1.0": REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"),
            "not named in Connection": REQUEST.replace(b"keep-alive, Upgrade", b"keep-alive"),
            "named in Proxy-Connection": REQUEST.replace(b"Connection: keep-alive, Upgrade", b"Proxy-Connection: Upgrade"),
            "with a body": length,
        }
        self.start(serve(), requests=len(requests))
        for name, request in requests.items():
            with self.subTest(name):
                client = self.client()
                client.send(request)
                self.assertEqual(client.read_response().status, 200)
                self.assertIsNone(self.backend.requests[-1].get("upgrade"))
                self.assertIsNone(self.backend.requests[-1].get("connection"))

    def test_case_33_a_101_to_another_protocol_is_no_tunnel(self):
        self.start(say(SWITCH.replace(b"websocket", b"h2c"), close=False), requests=1)
        client = self.client()
        client.send(REQUEST + SMUGGLED)
        self.assertEqual(client.read_response().status, 502)
        self.assertEqual(client.read_to_end(), b"")
        self.assertNotIn(b"/smuggled", self.backend.received())


class WebSocket(AcceptanceCase):
    """Case 34: every byte, both ways, until each side has ended."""

    BIG = 16 * MIB

    def switch(self, client, early=b""):
        client.send(REQUEST + early)
        response = client.read_response()
        self.assertEqual((response.status, response.get("upgrade")), (101, "websocket"))
        self.assertTrue(response.has_token("connection", "upgrade"))

    def echo(self, peer):
        request = peer.read_head()
        assert request.get("upgrade") == "websocket" and request.get("connection").lower() == "upgrade", request.fields
        assert request.get("sec-websocket-key") == "abc", request.fields
        peer.send(SWITCH + b"hello")
        data, peer.buffer = peer.buffer, b""
        peer.send(data)
        while data := peer.socket.recv(1 << 18):
            peer.socket.sendall(data)
        peer.send(b"bye")  # after the client's end: half-close works

    def test_case_34_early_bytes_frames_of_one_byte_and_a_half_close(self):
        self.start(self.echo, requests=1)
        client = self.client()
        self.switch(client, b"early")  # they wait for the 101
        self.assertEqual(client.read_exactly(10), b"helloearly")
        for number in range(500):
            client.send(bytes([number % 256]))
            self.assertEqual(client.read_exactly(1), bytes([number % 256]))
        client.half_close()
        self.assertEqual(client.read_to_end(), b"bye")
        self.assertFalse(client.was_reset)

    def test_case_34_a_frame_of_16_mb_is_exact_both_ways_at_once(self):
        self.start(self.echo, requests=1)
        client = self.client()
        self.switch(client)
        self.assertEqual(client.read_exactly(5), b"hello")
        frame = hashlib.shake_128(b"a frame").digest(self.BIG)
        sender = threading.Thread(target=client.send, args=(frame,))
        sender.start()
        got = bytearray()
        while len(got) < len(frame) and (data := client.socket.recv(1 << 18)):
            got += data
        sender.join()
        self.assertEqual(len(got), len(frame))
        self.assertEqual(hashlib.sha256(got).digest(), hashlib.sha256(frame).digest())
        client.half_close()
        self.assertEqual(client.read_to_end(), b"bye")
        line = self.wait_line()
        self.assertEqual((line["bytes_in"], line["bytes_out"]), (self.BIG, self.BIG + len(b"hellobye")))

    def test_case_34_the_target_ends_first(self):
        got = []

        def script(peer):
            peer.read_head()
            peer.send(SWITCH + b"last words")
            peer.socket.shutdown(socket.SHUT_WR)
            peer.wait_closed()
            got.append(peer.buffer)

        self.start(script, requests=1)
        client = self.client()
        self.switch(client)
        self.assertEqual(client.read_to_end(), b"last words")
        client.send(b"still here")
        client.close()
        self.eventually(lambda: got)
        self.assertEqual(got[0], b"still here")

    def reset_seen_by(self, peer):
        """Waits for the end of a peer's connection: whether it was a reset."""
        try:
            while peer.socket.recv(65536):
                pass
            return False
        except ConnectionResetError:
            return True

    def test_case_34_a_reset_of_the_client_is_no_end_for_the_target(self):
        seen = []

        def script(peer):
            peer.read_head()
            peer.send(SWITCH)
            seen.append(self.reset_seen_by(peer))

        self.start(script, requests=1)
        client = self.client()
        self.switch(client)
        client.reset()
        self.eventually(lambda: seen)
        self.assertEqual(seen, [True])

    def test_case_34_a_reset_of_the_target_is_no_end_for_the_client(self):
        def script(peer):
            peer.read_head()
            peer.send(SWITCH)
            peer.read_exactly(4)
            peer.reset()

        self.start(script, requests=1)
        client = self.client()
        self.switch(client)
        client.send(b"away")
        self.assertEqual(client.read_to_end(), b"")
        self.assertTrue(client.was_reset)

    def test_case_34_an_idle_tunnel_outlives_the_limits_of_requests_but_not_its_own(self):
        self.start(self.echo, requests=1,
                   timeouts={"tunnel": "1s", **dict.fromkeys(("head", "idle", "body", "response", "request"), "200ms")})
        client = self.client()
        self.switch(client)
        self.assertEqual(client.read_exactly(5), b"hello")
        self.assertEqual(select.select([client.socket], [], [], 0.7)[0], [])  # being idle is what is tested
        client.send(b"x")
        self.assertEqual(client.read_exactly(1), b"x")
        begun = time.monotonic()
        self.assertEqual(client.read_to_end(), b"")
        self.assertTrue(0.8 < time.monotonic() - begun < 4)
        self.eventually(lambda: self.idle_at_targets() == 0, "the target's connection is closed")

    def test_case_34_a_reader_that_lags_pauses_the_other_side(self):
        paused = threading.Event()

        def script(peer):
            peer.read_head()
            peer.send(SWITCH)
            peer.socket.settimeout(0.5)
            data = memoryview(bytes(self.BIG * 4))
            while data:
                try:
                    data = data[peer.socket.send(data):]
                except TimeoutError:
                    paused.set()

        self.start(script, requests=1)
        client = self.client(receive_buffer=65536)
        self.switch(client)
        self.assertTrue(paused.wait(30), "the target is paused")
        total = len(client.buffer)
        client.buffer = b""
        while data := client.socket.recv(1 << 18):
            total += len(data)
        self.assertEqual(total, self.BIG * 4)


if __name__ == "__main__":
    harness.main()
