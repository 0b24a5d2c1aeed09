"""WebSocket and other upgrades: a byte tunnel after a matching 101, and nothing else."""

import threading

import harness
from backends import say, serve
from client import get
from harness import OneTarget


class Upgrade(OneTarget):
    REQUEST = (b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
               b"Sec-WebSocket-Key: abc\r\n\r\n")
    SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    def switch(self, client):
        response = client.read_response()
        self.assertEqual(response.status, 101)
        self.assertEqual(response.get("upgrade"), "websocket")
        self.assertTrue(response.has_token("connection", "upgrade"))

    def echo(self, peer):
        request = peer.read_head()
        self.assertEqual(request.get("upgrade"), "websocket")
        self.assertEqual(request.get("connection", "").lower(), "upgrade")
        self.assertEqual(request.get("sec-websocket-key"), "abc")
        peer.send(self.SWITCH + b"hello")
        while True:
            data, peer.buffer = peer.buffer, b""
            peer.send(data)
            if not peer.more():
                break
        peer.send(b"bye")  # after the client's FIN: half-close works

    def test_tunnel_with_half_close(self):
        self.start(self.echo)
        client = self.client()
        client.send(self.REQUEST + b"early")  # early bytes wait for the 101
        self.switch(client)
        self.assertEqual(client.read_exactly(10), b"helloearly")
        for _ in range(100):
            client.send(b"\x00")
            self.assertEqual(client.read_exactly(1), b"\x00")
        big = bytes(range(256)) * 8192
        reader = []
        thread = threading.Thread(target=lambda: reader.append(client.read_exactly(len(big))))
        thread.start()
        client.send(big)
        thread.join()
        self.assertEqual(reader[0], big)
        client.half_close()
        self.assertEqual(client.read_to_end(), b"bye")

    def test_the_target_ends_first(self):
        got = []

        def script(peer):
            peer.read_head()
            peer.send(self.SWITCH + b"last words")
            peer.socket.shutdown(1)
            peer.wait_closed()
            got.append(peer.buffer)

        self.start(script)
        client = self.client()
        client.send(self.REQUEST)
        self.switch(client)
        self.assertEqual(client.read_to_end(), b"last words")
        client.send(b"still here")
        client.close()
        self.eventually(lambda: got)
        self.assertEqual(got[0], b"still here")

    def test_a_refused_upgrade_is_a_plain_response(self):
        self.start(serve(b"no upgrade"))
        client = self.client()
        client.send(self.REQUEST)
        self.assertEqual(client.read_response().body, b"no upgrade")

    def test_a_smuggled_request_after_a_refused_upgrade(self):
        self.start(serve(b"plain"))
        client = self.client()
        client.send(self.REQUEST + b"GET /smuggled HTTP/1.1\r\nHost : a\r\n\r\n")
        self.assertEqual(client.read_response().body, b"plain")
        client.read_to_end()
        self.assertNotIn(b"/smuggled", self.backend.received())

    def test_other_protocols_and_methods_are_not_upgraded(self):
        self.start()
        for request in (self.REQUEST.replace(b"websocket", b"h2c"), self.REQUEST.replace(b"GET", b"POST"),
                        self.REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"),
                        self.REQUEST.replace(b"keep-alive, Upgrade", b"keep-alive")):
            with self.subTest(request):
                client = self.client()
                client.send(request)
                self.assertEqual(client.read_response().status, 200)
                self.assertIsNone(self.last().get("upgrade"))
                self.assertIsNone(self.last().get("connection"))

    def test_an_unasked_101_is_502(self):
        self.start(say(self.SWITCH))
        self.assertEqual(get(self.proxy.port).status, 502)


if __name__ == "__main__":
    harness.main()
