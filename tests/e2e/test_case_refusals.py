"""Acceptance cases 28 to 30: what two parsers could read in two ways, whole and in pieces, and what is too long.

A request gets its status, the connection closes, and no byte of it reaches a target.
"""

import re

import harness
from acceptance import NEVER_IDLE, AcceptanceCase
from backends import serve
from client import Client, raw_request
from harness import FULL
from hostile import BAD_CHUNKS, CHUNKED, GET, POST, REQUESTS, RESPONSES, SMUGGLED

HEAD_LIMIT, TARGET_LIMIT, FIELD_LIMIT = 16_384, 8_192, 100


def statuses(answer):
    """The status of each response in the bytes."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


class RefusalCase(AcceptanceCase):
    def targets_seen(self):
        return [request.target for request in self.backend.requests]

    def answer_in_two(self, data, at, port=None):
        """What comes back for the two pieces of the bytes."""
        with Client(port or self.proxy.port) as client:
            try:
                client.send(data[:at])
                client.send(data[at:])
                client.half_close()
            except OSError:
                pass  # refused for the first piece: the answer is what counts
            return client.read_to_end()


class RefusedRequests(RefusalCase):
    """Case 28."""

    def test_case_28_each_is_refused_before_a_byte_reaches_a_target(self):
        self.start(serve(), requests=2 * len(REQUESTS))
        for name, (data, status) in REQUESTS.items():
            for follow in (b"", SMUGGLED):
                with self.subTest(name, follow=bool(follow)):
                    self.assertEqual(statuses(raw_request(self.proxy.port, data + follow)), [status])
        self.assertEqual(self.backend.peers, [])

    def test_case_28_each_bad_chunk_is_refused_before_a_byte_reaches_a_target(self):
        self.start(serve(), requests=len(BAD_CHUNKS))
        for name, body in BAD_CHUNKS.items():
            with self.subTest(name):
                # What follows asks to close, so that even a proxy that takes it for a request ends.
                self.assertEqual(statuses(raw_request(self.proxy.port, CHUNKED + body + SMUGGLED)), [400])
        self.assertEqual(self.backend.received(), b"")

    def test_case_28_a_bad_chunk_after_the_head_was_forwarded_cuts_the_target_off(self):
        whole = []

        def script(peer):
            whole.append(peer.read_body(peer.read_head()))

        self.start(script, requests=len(BAD_CHUNKS), upstream=NEVER_IDLE)
        for number, (name, body) in enumerate(BAD_CHUNKS.items(), 1):
            with self.subTest(name), Client(self.proxy.port) as client:
                client.send(CHUNKED)
                self.eventually(lambda: self.backend.count() == number, "the head has been forwarded")
                try:
                    client.send(body + SMUGGLED)
                except OSError:
                    pass  # refused before everything was sent
                self.assertEqual(statuses(client.read_to_end()), [400])
                self.eventually(lambda: len(whole) == number, "the target's connection is closed")
        self.assertEqual(whole, [False] * len(BAD_CHUNKS))
        self.assertNotIn("/smuggled", self.targets_seen())

    def test_case_28_bytes_behind_a_good_head(self):
        self.start(serve(), requests=2)
        got = statuses(raw_request(self.proxy.port, GET + b"\r\n\rXGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"))
        self.assertEqual(got, [200, 400])
        self.assertEqual(self.targets_seen(), ["/"])

    def test_case_28_a_valid_extension_is_ignored(self):
        self.start(serve(lambda request: request.body), requests=1)
        answer = raw_request(self.proxy.port, CHUNKED + b"1;a=b;c=\"d\"\r\na\r\n0\r\n\r\n", half_close=True)
        self.assertEqual((statuses(answer), answer[-1:]), ([200], b"a"))

    def test_case_28_framing_fields_in_a_trailer_are_dropped_or_refused(self):
        fields = (b"Content-Length: 5", b"Host: evil", b"Transfer-Encoding: chunked")
        self.start(serve(), requests=len(fields))
        for field in fields:
            with self.subTest(field):
                answer = raw_request(self.proxy.port, CHUNKED + b"1\r\na\r\n0\r\n" + field + b"\r\n\r\n", half_close=True)
                self.assertIn(statuses(answer), ([200], [400]))
        self.assertNotIn(b"evil", self.backend.received())
        self.assertNotIn(b"Content-Length", self.backend.received())

    def test_case_28_close_with_a_tab_is_close(self):
        self.start(serve(), requests=1)
        self.assertEqual(statuses(raw_request(self.proxy.port, GET + b"Connection: close\t\r\n\r\n" + SMUGGLED)), [200])

    def test_case_28_an_absolute_form_that_differs_from_host_takes_its_place(self):
        self.start(serve(), requests=1)
        client = self.client()
        client.send(b"GET http://real.example/path HTTP/1.1\r\nHost: other.example\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)
        request = self.backend.requests[0]
        self.assertEqual((request.target, request.get("host")), ("/path", "real.example"))
        self.assertNotIn(b"other.example", self.backend.received())


class EverySplit(RefusalCase):
    """Case 29. Of each row a sample of the splits; all of them at full size."""

    STEP = 1 if FULL else 6
    LONGEST = 300  # longer rows are about their length

    def splits(self, data, number=0):
        return range(1 + number % self.STEP, len(data), self.STEP)

    def test_case_29_every_split_of_a_refused_request_has_the_same_outcome(self):
        rows = [(name, data, status) for name, (data, status) in REQUESTS.items() if len(data) < self.LONGEST]
        splits = [self.splits(data, number) for number, (_, data, _) in enumerate(rows)]
        self.start(serve(), requests=sum(map(len, splits)))
        for (name, data, status), places in zip(rows, splits):
            for at in places:
                with self.subTest(name, at=at):
                    self.assertEqual(statuses(self.answer_in_two(data, at)), [status])
        self.assertEqual(self.backend.peers, [])

    def test_case_29_every_split_of_a_bad_chunk_has_the_same_outcome(self):
        whole = []

        def script(peer):
            while request := peer.read_head():
                whole.append(peer.read_body(request))

        rows = [(name, body) for name, body in BAD_CHUNKS.items() if len(body) < self.LONGEST]
        splits = [self.splits(body, number) for number, (_, body) in enumerate(rows)]
        self.start(script, requests=sum(map(len, splits)), upstream=NEVER_IDLE)
        for (name, body), places in zip(rows, splits):
            for at in places:
                with self.subTest(name, at=at):
                    self.assertEqual(statuses(self.answer_in_two(CHUNKED + body, len(CHUNKED) + at)), [400])
        self.eventually(lambda: self.idle_at_targets() == 0, "every connection of a bad body is closed")
        self.assertNotIn(True, whole)

    def test_case_29_every_split_of_good_requests_has_the_same_outcome(self):
        data = (b"GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
                b"POST /two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n"
                b"POST /three HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ndef"
                b"GET /four HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        splits = range(1, len(data))
        self.start(serve(lambda request: b"<%s %s>" % (request.target.encode(), request.body)), requests=4 * len(splits))
        for at in splits:
            with self.subTest(at=at):
                answer = self.answer_in_two(data, at)
                self.assertEqual(re.findall(rb"<[^>]*>", answer), [b"</one >", b"</two abc>", b"</three def>", b"</four >"])

    def split_responses(self, data, check):
        """Each split of the bytes as the answer of the target, in an exchange of its own."""
        splits = self.splits(data)
        at = iter(splits)

        def script(peer):
            if peer.read_request():
                where = next(at)
                peer.send(data[:where])
                peer.send(data[where:])
                peer.wait_closed()

        self.start(script, requests=len(splits), retries={"attempts": 1})
        for where in splits:
            with self.subTest(at=where), Client(self.proxy.port) as client:
                client.send(POST + b"Connection: close\r\nContent-Length: 1\r\n\r\nx")
                check(client.read_response("POST"))

    def test_case_29_every_split_of_a_response_has_the_same_outcome(self):
        def check(response):
            self.assertEqual([interim.status for interim in response.interim], [100])
            self.assertEqual((response.status, response.body, response.complete), (200, b"abcdef", True))

        self.split_responses(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n3\r\ndef\r\n0\r\nT: 1\r\n\r\n", check)

    def split_bad_response(self, name):
        self.split_responses(RESPONSES[name], lambda response: self.assertEqual(response.status, 502))

    def test_case_29_every_split_of_a_response_with_two_framings_has_the_same_outcome(self):
        self.split_bad_response("CL and TE")

    def test_case_29_every_split_of_a_response_with_a_folded_line_has_the_same_outcome(self):
        self.split_bad_response("folded line")

    def test_case_29_every_split_of_a_response_with_a_bare_cr_has_the_same_outcome(self):
        self.split_bad_response("bare CR")


class TooLong(RefusalCase):
    """Case 30: refused at the limit, whole below it."""

    def head_of(self, length):
        start, end = GET + b"X: ", b"\r\nConnection: close\r\n\r\n"
        return start + b"a" * (length - len(start) - len(end)) + end

    def target_of(self, length):
        return b"GET /" + b"a" * (length - 1) + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    def fields_of(self, count):
        return GET + b"X: a\r\n" * (count - 2) + b"Connection: close\r\n\r\n"

    def check(self, make, limit, status):
        self.start(serve(), requests=3)
        self.assertEqual(statuses(raw_request(self.proxy.port, make(limit))), [200])
        self.assertEqual(statuses(raw_request(self.proxy.port, make(limit + 1) + SMUGGLED)), [status])
        self.assertEqual(statuses(raw_request(self.proxy.port, make(100 * limit) + SMUGGLED)), [status])
        self.assertEqual(self.backend.count(), 1)

    def test_case_30_a_head_over_the_limit_is_431(self):
        self.check(self.head_of, HEAD_LIMIT, 431)

    def test_case_30_more_fields_than_the_limit_are_431(self):
        self.check(self.fields_of, FIELD_LIMIT, 431)

    def test_case_30_a_target_over_the_limit_is_414(self):
        self.start(serve(), requests=2)
        self.assertEqual(statuses(raw_request(self.proxy.port, self.target_of(TARGET_LIMIT))), [200])
        self.assertEqual(statuses(raw_request(self.proxy.port, self.target_of(TARGET_LIMIT + 1) + SMUGGLED)), [414])
        self.assertEqual(self.backend.count(), 1)

    def test_case_30_a_head_that_never_ends_is_431(self):
        self.start(serve(), requests=2)
        for data in (GET + b"X: a\r\n" * 100_000, GET + b"X: " + b"a" * 600_000):
            self.assertEqual(statuses(raw_request(self.proxy.port, data)), [431])
        self.assertEqual(self.backend.peers, [])

    def test_case_30_the_limits_of_the_spec_hold(self):
        self.start(serve(), requests=3, limits={"headBytes": 1024, "headers": 10, "uriBytes": 100})
        for data, status in ((self.head_of(1025), 431), (self.fields_of(11), 431), (self.target_of(101), 414)):
            self.assertEqual(statuses(raw_request(self.proxy.port, data)), [status])
        self.assertEqual(self.backend.peers, [])


if __name__ == "__main__":
    harness.main()
