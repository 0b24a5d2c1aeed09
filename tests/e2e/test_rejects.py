"""Every row of the table in docs/architecture.md (section 1 of the HTTP safety facts): a request that
two parsers could read in two ways gets its status, the connection closes, and no byte reaches a target.
A response of that kind is a 502."""

import re

import harness
from backends import Backend, say
from client import Client, get, raw_request
from harness import NO_EJECTION, E2eTest, Proxy, port_of, spec_of

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

# name: (bytes, the statuses that are right)
REQUESTS = {
    "CR after an empty value": (POST + b"D: \rContent-Length: 42\r\n\r\n", {400}),
    "bare CR in a value": (GET + b"X: a\rb\r\n\r\n", {400}),
    "space before the colon": (GET + b"X : a\r\n\r\n", {400}),
    "space in a name": (GET + b"Content Length: 3\r\n\r\n", {400}),
    "name with a space before TE": (GET + b"Foo Transfer-Encoding: chunked\r\n\r\n", {400}),
    "TAB in the target": (b"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "byte above 0x7f in the target": (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "folded line": (GET + b"X: a\r\n b\r\n\r\n", {400}),
    "folded line after Host": (b"GET / HTTP/1.1\r\nHost: a\r\n Content-Length: 3\r\n\r\nabc", {400}),
    "folded Transfer-Encoding": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", {400}),
    "folded Content-Length": (POST + b"Content-Length:\r\n 3\r\n\r\nabc", {400}),
    "LF-only request line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", {400}),
    "LF-only field line": (GET + b"X: a\n\r\n", {400}),
    "LF-only empty line": (GET + b"\n", {400}),
    "HTTP/0.9 with a body": (b"POST /x\nHost: a\nContent-Length: 5\n\nhello", {400}),
    "HTTP/0.9": (b"GET /\r\n\r\n", {400, 505}),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", {400, 505}),
    "HTTP/0.9 spelt out": (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", {400, 505}),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", {400, 505}),
    "RTSP": (b"OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n", {400, 505}),
    "ICE": (b"GET / ICE/1.0\r\nHost: a\r\n\r\n", {400, 505}),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 501, 505}),
    "two spaces in the request line": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "two spaces before the version": (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "space after the version": (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", {400}),
    "space before the method": (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "many empty lines first": (b"\r\n" * 20_000 + GET + b"\r\n", {400, 431}),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", {400}),
    "two Hosts": (GET + b"Host: a\r\n\r\n", {400}),
    "two different Hosts": (GET + b"Host: b\r\n\r\n", {400}),
    "invalid Host": (b"GET / HTTP/1.1\r\nHost: a/b@c d\r\n\r\n", {400}),
    "Host with a bad port": (b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", {400}),
    "empty Host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", {400}),
    "fragment": (b"GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "GET *": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "OPTIONS *foo": (b"OPTIONS *foo HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "user information": (b"GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "no leading slash": (b"GET x HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "CL and TE": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "TE and CL": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", {400}),
    "CL twice, equal": (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", {400}),
    "CL twice, different": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", {400}),
    "CL list": (POST + b"Content-Length: 3, 3\r\n\r\nabc", {400}),
    "CL +3": (POST + b"Content-Length: +3\r\n\r\nabc", {400}),
    "CL -3": (POST + b"Content-Length: -3\r\n\r\nabc", {400}),
    "CL 0x3": (POST + b"Content-Length: 0x3\r\n\r\nabc", {400}),
    "CL 3 4": (POST + b"Content-Length: 3 4\r\n\r\nabc", {400}),
    "CL empty": (POST + b"Content-Length:\r\n\r\nabc", {400}),
    "CL 2^64": (POST + b"Content-Length: 18446744073709551616\r\n\r\nabc", {400, 413}),
    "CL 2^63+3": (POST + b"Content-Length: 9223372036854775811\r\n\r\nabc", {400, 413}),
    "TE xchunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE identity": (POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE quoted": (POST + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE with a parameter": (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE chunked, gzip": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE identity, chunked": (POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE gzip, chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE ,chunked": (POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE open quote": (POST + b"Transfer-Encoding: \"a,chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE empty": (POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", {400, 501}),
    "TE empty with CL": (POST + b"Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc", {400, 501}),
    "TE on HTTP/1.0": (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "NUL in a value": (GET + b"X: a\0b\r\n\r\n", {400}),
    "NUL in a name": (GET + b"X\0: a\r\n\r\n", {400}),
    "NUL in the target": (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "control character in a value": (GET + b"X: a\x01b\r\n\r\n", {400}),
    "DEL in a value": (GET + b"X: a\x7fb\r\n\r\n", {400}),
    "DEL in the target": (b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    "empty name": (GET + b": a\r\n\r\n", {400}),
    "line without a colon": (GET + b"nocolon\r\n\r\n", {400}),
    "header of 1 MB": (GET + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n", {431}),
    "50,000 headers": (GET + b"X: a\r\n" * 50_000 + b"\r\n", {431}),
    "101 headers": (GET + b"X: a\r\n" * 101 + b"\r\n", {431}),
    "target of 9,000 bytes": (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", {414}),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", {405}),
    "CONNECT with a length": (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", {405}),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", {405}),
    "unknown method": (b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", {400, 501}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
}

# The head is in order: it may have been forwarded when the body turns out to be bad. What counts is
# that the client is refused, the target never sees a whole request, and nothing after it is read.
BAD_CHUNKS = {
    "junk after the data": b"a\r\n0123456789XX\r\n0\r\n\r\n",
    "CR in a size": b"1\rX\r\na\r\n0\r\n\r\n",
    "end with CR": b"0\r\n\rX",
    "LF at the end": b"0\r\n\n",
    "LF after a size": b"1\na\r\n0\r\n\r\n",
    "LF after the data": b"1\r\na\n0\r\n\r\n",
    "size of 16 f": b"ffffffffffffffff\r\nabc",
    "size over 64 bits": b"11111111111111111\r\nabc",
    "size 0x1": b"0x1\r\na\r\n0\r\n\r\n",
    "size +1": b"+1\r\na\r\n0\r\n\r\n",
    "size -1": b"-1\r\na\r\n0\r\n\r\n",
    "size with a space": b"1 \r\na\r\n0\r\n\r\n",
    "empty size": b"\r\na\r\n0\r\n\r\n",
    "10,000 zeros": b"0" * 10_000 + b"1\r\na\r\n0\r\n\r\n",
    "extension of 1 MB": b"1;" + b"a" * 1_000_000 + b"\r\na\r\n0\r\n\r\n",
    "NUL in an extension": b"1;a=\0\r\na\r\n0\r\n\r\n",
    "CR in an extension": b"1;a=\rb\r\na\r\n0\r\n\r\n",
    "folded trailer": b"0\r\nX: a\r\n b\r\n\r\n",
    "trailer without a colon": b"0\r\nnonsense\r\n\r\n",
    "trailers of 1 MB": b"0\r\n" + b"X: a\r\n" * 200_000 + b"\r\n",
}

RESPONSES = {
    "CL and TE": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CL twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "CL -1": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
    "CL +2": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "CL 2^64": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\nok",
    "TE gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "TE xchunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE gzip, chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE on HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unasked 101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "status 99": b"HTTP/1.1 99 Low\r\nContent-Length: 2\r\n\r\nok",
    "status 20": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 0200": b"HTTP/1.1 0200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 600": b"HTTP/1.1 600 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 000": b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok",
    "status empty": b"HTTP/1.1  OK\r\nContent-Length: 2\r\n\r\nok",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\nok",
    "folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "LF line ends": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "bare CR": b"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 5\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/0.9": b"just text\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "empty name": b"HTTP/1.1 200 OK\r\n: 2\r\n\r\nok",
    "head of 1 MB": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\nok",
    "200 headers": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\nok",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
}


def statuses(answer):
    """The status of each response in the bytes."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


class Requests(E2eTest):
    @classmethod
    def setUpClass(cls):
        cls.backend = cls.enterClassContext(Backend())
        cls.proxy = cls.enterClassContext(Proxy(spec_of(port_of([cls.backend]))))

    def tearDown(self):
        self.assertEqual(get(self.proxy.port).status, 200)  # it still works

    def received(self):
        return sum(len(peer.received) for peer in self.backend.peers)

    def test_refused_before_a_byte_reaches_a_target(self):
        for name, (data, expected) in REQUESTS.items():
            for follow in (b"", SMUGGLED):
                with self.subTest(name, follow=bool(follow)):
                    before = self.received()
                    got = statuses(raw_request(self.proxy.port, data + follow))
                    self.assertEqual(len(got), 1, got)
                    self.assertIn(got[0], expected)
                    self.assertEqual(self.received(), before)

    def test_bytes_after_a_good_head(self):
        """A good GET, then junk that a loose parser would take for a second request."""
        got = statuses(raw_request(self.proxy.port, GET + b"\r\n\rXGET /smug HTTP/1.1\r\nHost: a\r\n\r\n"))
        self.assertEqual(got, [200, 400])
        self.assertNotIn("/smug", [request.target for request in self.backend.requests])

    def test_bad_chunks(self):
        for name, body in BAD_CHUNKS.items():
            with self.subTest(name):
                before = self.backend.count()
                # What follows asks to close, so that even a proxy that takes it for a request ends.
                got = statuses(raw_request(self.proxy.port, CHUNKED + body + SMUGGLED))
                self.assertIn(got, ([400], [413], [431], []))
                # The head may have gone out, but nothing that came after it.
                self.assertNotIn("/smuggled", [request.target for request in self.backend.requests[before:]])

    def test_a_valid_extension_is_ignored(self):
        answer = raw_request(self.proxy.port, CHUNKED + b"1;a=b;c=\"d\"\r\na\r\n0\r\n\r\n", half_close=True)
        self.assertEqual(statuses(answer), [200])

    def test_framing_fields_in_a_trailer_are_dropped_or_refused(self):
        for field in (b"Content-Length: 5", b"Host: evil", b"Transfer-Encoding: chunked"):
            with self.subTest(field):
                answer = raw_request(self.proxy.port, CHUNKED + b"1\r\na\r\n0\r\n" + field + b"\r\n\r\n", half_close=True)
                self.assertIn(statuses(answer), ([200], [400]))
                self.assertNotIn(b"evil", self.backend.received())

    def test_close_with_a_tab_is_close(self):
        with Client(self.proxy.port) as client:
            client.send(GET + b"Connection: close\t\r\n\r\n")
            self.assertEqual(client.read_response().status, 200)
            self.assertTrue(client.at_end())

    def test_absolute_form_that_differs_from_host(self):
        with Client(self.proxy.port) as client:
            client.send(b"GET http://real.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n")
            self.assertEqual(client.read_response().status, 200)
        self.assertEqual(self.backend.requests[-1].get("host"), "real.example")

    def test_every_split_has_the_same_outcome(self):
        for name in ("space before the colon", "CL and TE", "folded line", "LF-only empty line", "bare CR in a value"):
            data, expected = REQUESTS[name]
            for at in range(1, len(data), 1 if harness.FULL else 5):
                with self.subTest(name, at=at), Client(self.proxy.port) as client:
                    before = self.received()
                    client.send(data[:at])
                    try:
                        client.send(data[at:])
                    except (BrokenPipeError, ConnectionResetError):
                        pass
                    self.assertIn(client.read_response().status, expected)
                    self.assertEqual(self.received(), before)


class Responses(E2eTest):
    def test_each_is_a_502(self):
        backend = self.using(Backend())
        options = {"outlier": NO_EJECTION, "retries": {"attempts": 1}}
        proxy = self.using(Proxy(spec_of(port_of([backend], **options))))
        for name, data in RESPONSES.items():
            with self.subTest(name), Client(proxy.port) as client:
                backend.script = say(data)
                # A POST: it is never repeated, so each script is met exactly once.
                response = client.request("POST", body=b"x")
                self.assertEqual(response.status, 502)
        with self.subTest("and the good still work"):
            backend.script = say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self.assertEqual(get(proxy.port).body, b"ok")


if __name__ == "__main__":
    harness.main()
