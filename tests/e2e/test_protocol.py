"""What HTTP/1.1 asks of a proxy: connections, framing, interim responses, in both directions."""

import threading

import harness
from backends import say, serve
from client import Client
from harness import OneTarget


class KeepAlive(OneTarget):
    def test_many_requests_on_one_connection_each_side(self):
        self.start()
        client = self.client()
        for _ in range(200):
            response = client.request()
            self.assertEqual((response.status, response.body), (200, b"ok"))
        self.assertEqual(len(self.backend.peers), 1)

    def test_connection_close_is_obeyed(self):
        self.start()
        client = self.client()
        response = client.request(fields=[("Connection", "close")])
        self.assertTrue(response.closes)
        self.assertTrue(client.at_end())
        # It was about the client's connection only.
        self.assertIsNone(self.last().get("connection"))

    def test_a_target_that_closes_does_not_close_the_client(self):
        self.start(say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"))
        client = self.client()
        for _ in range(3):
            response = client.request()
            self.assertEqual(response.body, b"ok")
            self.assertFalse(response.closes)

    def test_http_1_0_client(self):
        self.start()
        client = self.client()
        response = client.request(version="1.0")
        self.assertEqual(response.body, b"ok")
        self.assertTrue(client.at_end())
        self.assertEqual(self.last().version, "HTTP/1.1")

    def test_http_1_0_client_that_keeps_alive(self):
        self.start()
        client = self.client()
        for _ in range(3):
            response = client.request(version="1.0", fields=[("Connection", "keep-alive")])
            self.assertEqual(response.body, b"ok")
            self.assertTrue(response.has_token("connection", "keep-alive"))

    def test_http_1_0_client_without_host(self):
        self.start()
        self.assertEqual(self.client().request(version="1.0", host=None).status, 200)
        self.assertEqual(len(self.last().all("host")), 1)

    def test_http_1_0_client_is_never_sent_chunks(self):
        self.start(say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", close=False))
        client = self.client()
        response = client.request(version="1.0", fields=[("Connection", "keep-alive")])
        self.assertEqual(response.all("transfer-encoding"), [])
        self.assertEqual(response.body, b"ok")
        self.assertTrue(client.at_end())


class ByteByByte(OneTarget):
    def test_a_request(self):
        self.start(serve(lambda request: request.body))
        client = self.client()
        for byte in b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
            client.send(bytes([byte]))
        self.assertEqual(client.read_response().body, b"abc")

    def test_a_response(self):
        def script(peer):
            while peer.read_request():
                for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n":
                    peer.send(bytes([byte]))

        self.start(script)
        client = self.client()
        for _ in range(3):
            self.assertEqual(client.request().body, b"abc")


class MaxForwards(OneTarget):
    def test_options_that_may_go_no_further_is_answered_here(self):
        self.start()
        client = self.client()
        response = client.request("OPTIONS", "*", [("Max-Forwards", "0")])
        self.assertEqual(response.status, 200)
        self.assertIn("GET", response.get("allow"))
        self.assertEqual(self.backend.requests, [])
        self.assertEqual(client.request("OPTIONS", "/", [("Max-Forwards", "1")]).status, 200)
        self.assertEqual(self.last().get("max-forwards"), "0")


class Bodyless(OneTarget):
    def both(self, head, method="GET"):
        """A response without a body, then another one: nothing of the first may be taken for the second."""

        def script(peer):
            if peer.read_request():
                peer.send(head)
            while peer.read_request():
                peer.answer(b"next")

        self.start(script)
        client = self.client()
        response = client.request(method)
        self.assertEqual(client.request().body, b"next")
        self.assertEqual(len(self.backend.peers), 1)
        return response

    def test_204(self):
        self.assertEqual(self.both(b"HTTP/1.1 204 No Content\r\n\r\n").status, 204)

    def test_200_of_length_zero(self):
        self.assertEqual(self.both(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").body, b"")


class Interim(OneTarget):
    def test_expect_continue(self):
        def script(peer):
            request = peer.read_head()
            self.expect = request.get("expect")
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.read_body(request)
            peer.answer(request.body)

        self.start(script)
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        self.assertEqual(client.read_line(), b"HTTP/1.1 100 Continue")
        while client.read_line():
            pass
        client.send(b"body")
        self.assertEqual(client.read_response("POST").body, b"body")
        self.assertEqual(self.expect, "100-continue")


class Bodies(OneTarget):
    BIG = bytes(range(256)) * 4096

    def test_chunked_request(self):
        self.start(serve(lambda request: request.body))
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for size in (1, 5, 1000, 70_000):
            client.send(b"%x;ext=1\r\n%s\r\n" % (size, self.BIG[:size]))
        client.send(b"0\r\nTrailer: dropped\r\n\r\n")
        response = client.read_response("POST")
        self.assertEqual(response.body, b"".join(self.BIG[:size] for size in (1, 5, 1000, 70_000)))
        self.assertEqual(self.last().get("transfer-encoding"), "chunked")
        self.assertIsNone(self.last().get("content-length"))

    def test_request_with_a_length(self):
        self.start(serve(lambda request: request.body))
        response = self.client().request("PUT", body=self.BIG)
        self.assertEqual(response.body, self.BIG)
        self.assertEqual(self.last().get("content-length"), str(len(self.BIG)))

    def test_length_zero_is_said(self):
        self.start()
        self.client().request("POST", body=b"")
        self.assertEqual(self.last().get("content-length"), "0")

    def test_chunked_response(self):
        data = b"".join(b"%x\r\n%s\r\n" % (size, self.BIG[:size]) for size in (1, 3000, 200_000))
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.start(say(head + data + b"0\r\n\r\n", close=False))
        client = self.client()
        response = client.request()
        self.assertEqual(response.body, self.BIG[:1] + self.BIG[:3000] + self.BIG[:200_000])
        self.assertFalse(response.closes)

    def test_bodies_of_concurrent_clients_do_not_mix(self):
        """One read buffer serves a whole loop: bytes of one client must never reach another."""
        self.start(serve(lambda request: request.body))
        wrong = []

        def work(name):
            with Client(self.proxy.port) as client:
                for number in range(20):
                    body = b"%d.%d;" % (name, number) * 11_000  # larger than one read
                    response = client.request("POST", body=body)
                    if response.body != body:
                        wrong.append((name, number))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(10, 18)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_http_1_0_response(self):
        self.start(say(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        self.assertEqual(self.client().request().body, b"ok")

    def test_a_body_over_the_limit(self):
        self.start(serve(lambda request: request.body), limits={"bodyBytes": 1000})
        self.assertEqual(self.client().request("POST", body=b"x" * 1000).status, 200)
        self.assertEqual(self.client().request("POST", body=b"x" * 1001).status, 413)
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 +
                    b"\r\n0\r\n\r\n")
        self.assertEqual(client.read_response("POST").status, 413)


if __name__ == "__main__":
    harness.main()
