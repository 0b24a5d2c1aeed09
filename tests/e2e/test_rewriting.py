"""What a proxy changes in the messages that pass, what it answers by itself, and where targets can be."""

import json
import os
import tempfile

import harness
from backends import Backend, Nginx, say, serve
from client import Client, get
from harness import OneTarget, Proxy, port_of, spec_of


BIG = bytes(range(256)) * 4096


class Fields(OneTarget):
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


class OwnAnswers(OneTarget):
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


class Targets(OneTarget):
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
        nginx.html("big", BIG * 8)
        proxy = self.using(Proxy(spec_of(port_of([nginx]))))
        with Client(proxy.port) as client:
            for _ in range(3):
                self.assertEqual(client.request(target="/big").body, BIG * 8)
                self.assertEqual(client.request("HEAD", "/big").get("content-length"), str(8 << 20))
                self.assertEqual(client.request(target="/gone").status, 404)
                self.assertEqual(client.request(target="/big", fields=[("Range", "bytes=5-9")]).body, bytes(range(5, 10)))


if __name__ == "__main__":
    harness.main()
