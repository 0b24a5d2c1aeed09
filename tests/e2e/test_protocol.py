"""What HTTP/1.1 asks of a proxy, seen from both sides."""

import json
import os
import tempfile
import threading

import harness
from backends import Backend, Nginx, say, serve
from client import Client, get, raw_request
from harness import E2eTest, Proxy, port_of, spec_of


class Protocol(E2eTest):
    def start(self, script=None, **options):
        self.backend = self.using(Backend(script))
        self.proxy = self.using(Proxy(spec_of(port_of([self.backend], **options))))
        return self.proxy

    def client(self):
        return self.using(Client(self.proxy.port))

    def last(self):
        return self.backend.requests[-1]


class KeepAlive(Protocol):
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

    def test_half_closed_client_gets_its_response(self):
        self.start()
        answer = raw_request(self.proxy.port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", half_close=True)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"ok"), answer)


class Pipelining(Protocol):
    def test_answers_come_in_order(self):
        self.start(serve(lambda request: request.target.encode() * 50))
        client = self.client()
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(50)))
        for i in range(50):
            self.assertEqual(client.read_response().body, b"/%d" % i * 50)

    def test_with_bodies_between(self):
        self.start(serve(lambda request: request.method.encode() + request.body))
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
                    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual([client.read_response().body for _ in range(3)], [b"POSTabc", b"POSTde", b"GET"])

    def test_a_bad_request_after_a_good_one(self):
        self.start()
        client = self.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)
        self.assertEqual(client.read_response().status, 400)
        self.assertTrue(client.at_end())
        self.assertEqual(self.backend.count(), 1)

    def test_a_request_byte_by_byte(self):
        self.start(serve(lambda request: request.body))
        client = self.client()
        for byte in b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n":
            client.send(bytes([byte]))
        self.assertEqual(client.read_response().body, b"abc")

    def test_a_response_byte_by_byte(self):
        def script(peer):
            while peer.read_request():
                for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n":
                    peer.send(bytes([byte]))

        self.start(script)
        client = self.client()
        for _ in range(3):
            self.assertEqual(client.request().body, b"abc")


class Bodyless(Protocol):
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

    def test_head(self):
        response = self.both(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HEAD")
        self.assertEqual(response.get("content-length"), "1000")

    def test_head_of_a_chunked_resource(self):
        self.both(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD")

    def test_204(self):
        self.assertEqual(self.both(b"HTTP/1.1 204 No Content\r\n\r\n").status, 204)

    def test_304_with_a_length(self):
        self.assertEqual(self.both(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n").status, 304)

    def test_200_of_length_zero(self):
        self.assertEqual(self.both(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").body, b"")


class Interim(Protocol):
    def test_all_are_forwarded_in_order(self):
        self.start(say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                       b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        response = self.client().request()
        self.assertEqual([i.status for i in response.interim], [100, 103])
        self.assertEqual(response.interim[1].get("link"), "</a>")
        self.assertEqual(response.body, b"ok")

    def test_not_to_http_1_0(self):
        self.start(say(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        response = self.client().request(version="1.0")
        self.assertEqual((response.interim, response.body), ([], b"ok"))

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

    def test_expect_with_a_refusal(self):
        """The body that was announced must never be taken for a request."""

        def script(peer):
            while peer.read_head():
                peer.answer(b"no", "417 No")

        self.start(script)
        client = self.client()
        body = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        self.assertEqual(client.read_response("POST").status, 417)
        try:
            client.send(body)
            client.read_to_end()
        except (ConnectionResetError, BrokenPipeError):
            pass
        self.assertNotIn("/smuggled", [r.target for r in self.backend.requests])

    def test_unknown_expectation(self):
        self.start()
        self.assertEqual(self.client().request(fields=[("Expect", "202-maybe")]).status, 417)
        self.assertEqual(self.backend.count(), 0)


class Bodies(Protocol):
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

    def test_close_delimited_response(self):
        self.start(say(b"HTTP/1.1 200 OK\r\n\r\n" + self.BIG))
        client = self.client()
        for _ in range(2):
            response = client.request()
            self.assertTrue(response.complete)
            self.assertEqual(response.body, self.BIG)
            if response.closes:  # chunked or closed, either is right
                client = self.client()

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


class Upgrade(Protocol):
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


class Fields(Protocol):
    def test_hop_by_hop_request_fields_are_removed(self):
        self.start()
        self.client().request(fields=[
            ("Connection", "X-Private, keep-alive"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "close"),
            ("TE", "trailers"), ("Trailer", "X"), ("X-Private", "secret"), ("X-Kept", "yes"), ("Cookie", "a=b")])
        got = dict(self.last().fields)
        for name in ("connection", "keep-alive", "proxy-connection", "te", "trailer", "x-private"):
            self.assertNotIn(name, got)
        self.assertEqual((got["x-kept"], got["cookie"]), ("yes", "a=b"))

    def test_hop_by_hop_response_fields_are_removed(self):
        self.start(say(b"HTTP/1.1 200 OK\r\nConnection: X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n"
                       b"X-Kept: yes\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok"))
        response = self.client().request()
        self.assertEqual(response.all("x-private") + response.all("keep-alive"), [])
        self.assertEqual(response.get("x-kept"), "yes")
        self.assertEqual(response.all("set-cookie"), ["a=1", "b=2"])

    def test_a_nomination_cannot_strip_what_matters(self):
        self.start()
        self.client().request("POST", body=b"hi", fields=[
            ("Connection", "Host, Content-Length, Authorization, Cookie, X-Forwarded-For"),
            ("Authorization", "Basic x"), ("Cookie", "a=b")])
        request = self.last()
        self.assertEqual((request.get("authorization"), request.get("cookie")), ("Basic x", "a=b"))
        self.assertEqual((request.get("content-length"), request.get("host")), ("2", "test.example"))
        self.assertEqual(request.get("x-forwarded-for"), "127.0.0.1")

    def test_forwarded_fields_replace_the_clients_own(self):
        self.start()
        self.client().request(fields=[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"),
                                      ("X-Forwarded-Host", "evil.example")])
        request = self.last()
        self.assertEqual(request.get("x-forwarded-for"), "127.0.0.1")
        self.assertEqual(request.get("x-forwarded-proto"), "http")
        self.assertEqual(request.get("x-forwarded-host"), "test.example")

    def test_forwarded_fields_append(self):
        self.start(forwarded="append")
        self.client().request(fields=[("X-Forwarded-For", "10.1.1.1"), ("X-Forwarded-Proto", "https")])
        request = self.last()
        self.assertEqual(request.get("x-forwarded-for"), "10.1.1.1, 127.0.0.1")
        self.assertEqual(request.get("x-forwarded-proto"), "https")

    def test_host_is_kept(self):
        self.start()
        self.client().request(host="app.example:8443")
        self.assertEqual(self.last().get("host"), "app.example:8443")

    def test_host_is_rewritten(self):
        self.start(host="internal.example")
        self.client().request(host="app.example")
        self.assertEqual(self.last().get("host"), "internal.example")
        self.assertEqual(self.last().get("x-forwarded-host"), "app.example")

    def test_absolute_form(self):
        self.start()
        client = self.client()
        client.send(b"GET http://real.example/path?q=1 HTTP/1.1\r\nHost: real.example\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)
        self.assertEqual((self.last().target, self.last().get("host")), ("/path?q=1", "real.example"))

    def test_via_and_its_loop_detection(self):
        self.start(via="keel")
        response = self.client().request(fields=[("Via", "1.0 first")])
        self.assertEqual(", ".join(self.last().all("via")), "1.0 first, 1.1 keel")
        self.assertEqual(response.get("via"), "1.1 keel")
        self.assertEqual(self.client().request(fields=[("Via", "1.1 keel")]).status, 508)
        self.assertEqual(self.backend.count(), 1)

    def test_target_and_odd_fields_are_untouched(self):
        self.start()
        target = "/a%2Fb//c/../d?x=%20&y=[1]"
        self.client().request(target=target, fields=[("X-Empty", ""), ("X-Colon", "a:b, c"), ("X-Latin", "\xe9")])
        request = self.last()
        self.assertEqual(request.target, target)
        self.assertEqual((request.get("x-empty"), request.get("x-colon"), request.get("x-latin")), ("", "a:b, c", "\xe9"))


class OwnAnswers(Protocol):
    def test_redirect(self):
        number, key, value = port_of([])
        value = {"redirect": "https://myapp.example.ts.net/"}
        proxy = self.using(Proxy(spec_of((number, key, value))))
        response = get(number, "/deep/path?q=1")
        self.assertEqual(response.status, 301)
        self.assertEqual(response.get("location"), "https://myapp.example.ts.net/deep/path?q=1")
        with Client(proxy.port) as client:  # and the connection goes on
            self.assertEqual(client.request().status, 301)
            self.assertEqual(client.request("HEAD").status, 301)

    def test_error_pages(self):
        self.start(say(b"rubbish\r\n\r\n"))
        plain = get(self.proxy.port)
        self.assertEqual(plain.status, 502)
        self.assertTrue(plain.get("content-type").startswith("text/plain"))
        self.assertIn(b"502 Bad Gateway", plain.body)
        answer = get(self.proxy.port, fields=[("Accept", "application/json")])
        self.assertEqual(answer.status, 502)
        self.assertTrue(answer.get("content-type").startswith("application/json"))
        self.assertEqual(json.loads(answer.body)["status"], 502)
        with Client(self.proxy.port) as client:
            self.assertEqual(client.request("HEAD").body, b"")

    def test_a_slow_head_is_408(self):
        self.start(timeouts={"head": "300ms"})
        client = self.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        self.assertEqual(client.read_response().status, 408)
        self.assertTrue(client.at_end())

    def test_an_idle_connection_is_closed(self):
        self.start(timeouts={"idle": "300ms"})
        client = self.client()
        self.assertEqual(client.request().status, 200)
        self.assertTrue(client.at_end())

    def test_access_log(self):
        self.backend = self.using(Backend(serve(lambda request: request.body)))
        proxy = self.using(Proxy(spec_of(port_of([self.backend])), "--access-log"))
        with Client(proxy.port) as client:
            client.request("POST", "/x?y", body=b"12345", fields=[("User-Agent", "me")])
        line = proxy.wait_event("access")[0]
        self.assertEqual((line["method"], line["uri"], line["status"]), ("POST", "/x?y", 200))
        self.assertEqual((line["bytes_in"], line["bytes_out"], line["retries"]), (5, 5, 0))
        self.assertEqual((line["host"], line["user_agent"]), ("test.example", "me"))
        self.assertEqual(line["target"], self.backend.url)
        self.assertTrue(line["client"].startswith("127.0.0.1:"))


class Targets(Protocol):
    def check(self, target):
        proxy = self.using(Proxy(spec_of(port_of([target]))))
        with Client(proxy.port) as client:
            for _ in range(3):
                self.assertEqual(client.request().body, b"ok")

    def test_unix_socket(self):
        directory = self.using(tempfile.TemporaryDirectory())
        self.check(self.using(Backend(unix_path=os.path.join(directory, "app.sock"))))

    def test_ipv6(self):
        try:
            backend = self.using(Backend(host="::1"))
        except OSError as error:
            self.skipTest(f"no IPv6 here: {error}")
        self.check(backend)

    def test_name(self):
        # localhost may be ::1 first, where nobody listens: the next address is tried.
        backend = self.using(Backend())
        self.check(f"http://localhost:{backend.port}")

    def test_name_that_does_not_exist(self):
        proxy = self.using(Proxy(spec_of(port_of(["http://no-such-host.invalid:80"]))))
        self.assertIn(get(proxy.port).status, (502, 503))

    def test_nginx(self):
        nginx = self.using(Nginx())
        nginx.html("big", Bodies.BIG * 8)
        proxy = self.using(Proxy(spec_of(port_of([nginx]))))
        with Client(proxy.port) as client:
            for _ in range(3):
                self.assertEqual(client.request(target="/big").body, Bodies.BIG * 8)
                self.assertEqual(client.request("HEAD", "/big").get("content-length"), str(8 << 20))
                self.assertEqual(client.request(target="/gone").status, 404)
                self.assertEqual(client.request(target="/big", fields=[("Range", "bytes=5-9")]).body, bytes(range(5, 10)))


if __name__ == "__main__":
    harness.main()
