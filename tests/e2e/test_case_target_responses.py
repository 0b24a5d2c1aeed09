"""Acceptance cases 7 to 11 and 15 to 19: responses that break off, stall, have no body, or are no HTTP."""

import os
import threading
import time

import harness
import hostile
from acceptance import GET, KEPT_IDLE, MIB, NEVER_IDLE, AcceptanceCase
from backends import hang, say, serve
from client import Client

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhalf"
LAST_CHUNK = b"0\r\n\r\n"
NEXT = b"next"
LIMIT = 16_384  # of a head


def head_of(length):
    """A response head of so many bytes."""
    start, end = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ", b"\r\n\r\n"
    return start + b"a" * (length - len(start) - len(end)) + end


class ResponseCase(AcceptanceCase):
    def raw(self, request=GET):
        """All that comes back, and whether the connection was reset at its end."""
        client = self.client()
        client.send(request)
        return client.read_to_end(), client.was_reset

    def assert_cut(self, version="1.1"):
        """The client sees a response that is not whole, or none: never one that only looks whole."""
        client = self.client()
        client.send_request(version=version)
        try:
            response = client.read_response()
        except EOFError:  # it broke off before anything had been passed on
            self.assertEqual(client.buffer, b"")
            return None
        self.assertEqual((response.status, response.complete), (200, False))
        self.assertTrue(client.at_end())
        return response


class DeathAfterTheHead(ResponseCase):
    """Case 7: the head has gone to the client when the target dies."""

    LONG = 3 * MIB

    def dies(self, end, version="1.1"):
        def script(peer):
            peer.read_request()
            peer.send(LENGTH)
            end(peer)

        self.start(script, requests=1)
        response = self.assert_cut(version)
        self.assertIn(response and response.body, (None, b"", b"half"))

    def test_case_07_death_after_the_head_is_a_cut(self):
        self.dies(lambda peer: None)

    def test_case_07_a_reset_after_the_head_is_a_cut(self):
        self.dies(lambda peer: peer.reset())

    def test_case_07_death_after_the_head_is_a_cut_for_http_1_0(self):
        self.dies(lambda peer: None, "1.0")

    def test_case_07_death_within_a_spliced_body_is_a_cut(self):
        self.pooled_pipes = 1
        body = os.urandom(self.LONG // 2)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.LONG
        self.start(say(head + body), requests=1)
        raw, _ = self.raw()
        _, _, got = raw.partition(b"\r\n\r\n")
        self.assertIn(b"Content-Length: %d" % self.LONG, raw)
        self.assertTrue(body.startswith(got))


class DeathWithinAChunk(ResponseCase):
    """Case 8: the terminating chunk would make half a response a whole one."""

    CUTS = (b"4\r\nhalf\r\n", b"8\r\nhalf", b"4\r\nhalf", b"4\r\nhalf\r", b"4\r\nhalf\r\n0\r\n", b"4", b"")

    def test_case_08_death_within_a_chunk_is_never_ended(self):
        self.start(serve(), requests=len(self.CUTS))
        for cut in self.CUTS:
            with self.subTest(cut):
                self.backend.script = say(CHUNKED + cut)
                raw, _ = self.raw()
                self.assertNotIn(LAST_CHUNK, raw)

    def test_case_08_a_reset_within_a_chunk_is_never_ended(self):
        def script(peer):
            peer.read_request()
            peer.send(CHUNKED + b"8\r\nhalf")
            peer.reset()

        self.start(script, requests=1)
        raw, _ = self.raw()
        self.assertNotIn(LAST_CHUNK, raw)

    def test_case_08_a_bad_chunk_is_a_cut(self):
        bodies = [hostile.BAD_CHUNKS[name] for name in ("junk after the data", "size 0x1", "size of 16 f",
                                                        "LF after the data", "extension of 1 MB")]
        self.start(serve(), requests=len(bodies))
        for body in bodies:
            with self.subTest(body[:20]):
                self.backend.script = say(CHUNKED + b"4\r\nhalf\r\n" + body, close=False)
                raw, _ = self.raw()
                self.assertNotIn(LAST_CHUNK, raw)

    def test_case_08_for_http_1_0_only_a_reset_says_that_it_is_cut(self):
        # It is sent no chunks: the end of the connection is the end of the body.
        self.start(say(CHUNKED + b"8\r\nhalf"), requests=1)
        raw, was_reset = self.raw(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(was_reset or raw == b"", raw)


class CloseDelimited(ResponseCase):
    """Case 9."""

    BODY = bytes(range(256)) * 4096

    def test_case_09_a_close_delimited_body_is_complete(self):
        self.start(say(b"HTTP/1.1 200 OK\r\n\r\n" + self.BODY), requests=3)
        client = self.client()
        for _ in range(3):
            response = client.request()
            self.assertTrue(response.complete)
            self.assertEqual(response.body, self.BODY)
            if response.closes:  # chunked again or closed, either is right
                client = self.client()

    def test_case_09_an_empty_close_delimited_body_is_complete(self):
        self.start(say(b"HTTP/1.1 200 OK\r\n\r\n"), requests=1)
        response = self.client().request()
        self.assertEqual((response.complete, response.body), (True, b""))

    def test_case_09_for_http_1_0_it_ends_with_the_connection(self):
        self.start(say(b"HTTP/1.1 200 OK\r\n\r\n" + self.BODY), requests=1)
        client = self.client()
        response = client.request(version="1.0", fields=[("Connection", "keep-alive")])
        self.assertEqual((response.all("transfer-encoding"), response.complete, response.closes), ([], True, True))
        self.assertEqual(response.body, self.BODY)

    def reset_within(self, version):
        go = threading.Event()

        def script(peer):
            peer.read_request()
            peer.send(UNTIL_CLOSE)
            go.wait(20)
            peer.reset()

        self.start(script, requests=1)
        client = self.client()
        client.send_request(version=version)
        response = client.read_response(body=False)
        while b"half" not in client.buffer:
            self.assertTrue(client.more())
        go.set()
        client.read_body(response, "GET")
        self.assertFalse(response.complete)

    def test_case_09_a_reset_in_a_close_delimited_body_is_a_cut(self):
        self.reset_within("1.1")

    def test_case_09_a_reset_in_a_close_delimited_body_is_a_cut_for_http_1_0(self):
        self.reset_within("1.0")


class HangBeforeTheHead(ResponseCase):
    """Case 10."""

    def hangs(self, send, seen, **options):
        self.start(hang, requests=1, upstream=NEVER_IDLE, **options)
        response = send(self.client())
        self.assertEqual((response.status, response.complete), (504, True))
        self.assertEqual(self.backend.count(), seen)
        self.eventually(lambda: self.idle_at_targets() == 0, "the target's connection is closed")

    def test_case_10_a_hang_before_the_head_is_504(self):
        self.hangs(lambda client: client.request(), 1, timeouts={"response": "400ms"}, retries={"attempts": 1})

    def test_case_10_a_post_that_hangs_is_504_and_was_sent_once(self):
        self.hangs(lambda client: client.request("POST", body=b"x"), 1, timeouts={"response": "400ms"})

    def test_case_10_the_deadline_covers_all_attempts(self):
        self.hangs(lambda client: client.request(), 2, timeouts={"response": "400ms", "request": "600ms"})

    def test_case_10_half_a_head_is_no_answer(self):
        self.start(say(b"HTTP/1.1 200 OK\r\nContent-Le", close=False), requests=1,
                   timeouts={"response": "400ms"}, retries={"attempts": 1})
        self.assertEqual(self.client().request().status, 504)


class StallWithinTheBody(ResponseCase):
    """Case 11: a target that says no more is let go after the limit, and the client learns of it."""

    def stalls(self, data):
        self.start(say(data, close=False), requests=1, timeouts={"body": "400ms"}, upstream=NEVER_IDLE)
        begun = time.monotonic()
        raw, was_reset = self.raw()
        took = time.monotonic() - begun
        self.assertTrue(0.3 < took < 3, took)
        self.assertNotIn(LAST_CHUNK, raw)
        self.assertEqual(self.wait_line()["error"], "body_stalled")
        self.eventually(lambda: self.idle_at_targets() == 0, "the target's connection is closed")
        return was_reset

    def test_case_11_a_stall_within_a_body_ends_with_the_limit(self):
        self.stalls(LENGTH)

    def test_case_11_a_stall_within_a_chunked_body(self):
        self.stalls(CHUNKED + b"8\r\nhalf")

    def test_case_11_a_stall_within_a_close_delimited_body_is_no_end(self):
        self.stalls(UNTIL_CLOSE)

    def test_case_11_a_stall_within_a_spliced_body(self):
        self.pooled_pipes = 1
        self.stalls(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MIB + b"x" * (MIB // 2))


class Bodyless(ResponseCase):
    """Case 15: a length that is about a body that does not come."""

    def both(self, head, method="GET"):
        """Nothing of the first response is waited for, or taken for the second, on one connection."""

        def script(peer):
            if peer.read_request():
                peer.send(head)
            while peer.read_request():
                peer.answer(NEXT)

        self.start(script, requests=3, upstream=KEPT_IDLE)
        client = self.client()
        response = client.request(method)
        self.assertEqual([client.request().body for _ in range(2)], [NEXT, NEXT])
        self.assertEqual(len(self.backend.peers), 1)
        return response

    def test_case_15_head_with_a_length(self):
        response = self.both(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HEAD")
        self.assertEqual(response.get("content-length"), "1000")

    def test_case_15_head_of_a_chunked_resource(self):
        self.both(CHUNKED, "HEAD")

    def test_case_15_304_with_a_length(self):
        self.assertEqual(self.both(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n").status, 304)

    def test_case_15_304_of_a_chunked_resource(self):
        head = b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(self.both(head).status, 304)

    def test_case_15_204_with_a_length(self):
        self.assertEqual(self.both(b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n").status, 204)

    def test_case_15_100_with_a_length_eats_nothing(self):
        response = self.both(b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n"
                             b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.assertEqual((response.status, response.body), (200, b"ok"))


class Interim(ResponseCase):
    """Case 16."""

    PARTS = (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
             b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def check(self, response):
        self.assertEqual([interim.status for interim in response.interim], [100, 103])
        self.assertEqual(response.interim[1].get("link"), "</a>")
        self.assertEqual((response.status, response.body), (200, b"ok"))

    def test_case_16_interim_responses_are_forwarded_in_order(self):
        self.start(say(b"".join(self.PARTS)), requests=1)
        self.check(self.client().request())

    def test_case_16_each_is_forwarded_when_it_comes(self):
        seen = threading.Semaphore(0)

        def script(peer):
            peer.read_request()
            for part in self.PARTS:
                peer.send(part)
                seen.acquire()

        self.start(script, requests=1)
        client = self.client()
        client.send(GET)
        for part in self.PARTS[:-1]:
            self.assertEqual(client.read_exactly(len(part)), part)
            seen.release()
        response = client.read_response()
        self.assertEqual((response.status, response.body), (200, b"ok"))
        seen.release()

    def test_case_16_http_1_0_is_sent_none(self):
        self.start(say(b"".join(self.PARTS)), requests=1)
        response = self.client().request(version="1.0")
        self.assertEqual((response.interim, response.body), ([], b"ok"))


class BadHeads(ResponseCase):
    """Cases 17 to 19: what is no response is a 502, and the end of that connection."""

    SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    OVERSIZED = {
        "a line of 1 MB": b"HTTP/1.1 200 OK\r\nX: " + b"a" * MIB + b"\r\n\r\nok",
        "an endless line": b"HTTP/1.1 200 OK\r\nX: " + b"a" * MIB,
        "a reason of 1 MB": b"HTTP/1.1 200 " + b"a" * MIB + b"\r\n\r\nok",
        "200 fields": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\nok",
        "endless fields": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200_000,
        "a byte over the limit": head_of(LIMIT + 1),
    }

    def each_is_502(self, table):
        """With posts: one is never repeated, so each response is met exactly once."""
        self.start(serve(), requests=len(table), retries={"attempts": 1}, upstream=NEVER_IDLE)
        for name, data in table.items():
            with self.subTest(name), Client(self.proxy.port) as client:
                self.backend.script = say(data, close=False)
                response = client.request("POST", body=b"x")
                self.assertEqual((response.status, response.complete), (502, True))
                self.eventually(lambda: self.idle_at_targets() == 0, "the target's connection is closed")

    def test_case_17_an_unasked_101_is_502(self):
        self.each_is_502({"unasked": self.SWITCH, "with bytes behind it": self.SWITCH + b"\x81\x00"})

    def test_case_18_each_bad_response_is_502(self):
        self.each_is_502(hostile.RESPONSES)

    def test_case_18_chunked_with_a_tab_is_chunked_or_refused_but_never_read_to_the_end(self):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n"
        self.start(say(head + b"2\r\nok\r\n0\r\n\r\n", close=False), requests=1)
        response = self.client().request("POST", body=b"x")
        self.assertIn((response.status, response.body if response.status == 200 else None), ((200, b"ok"), (502, None)))

    def test_case_18_a_status_line_without_a_reason_keeps_its_space(self):
        # RFC 9112 section 4: the space after the status is sent even when no reason follows it.
        self.start(say(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), requests=1)
        raw, _ = self.raw(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertRegex(raw, rb"\AHTTP/1\.1 (200|502) ")

    def test_case_19_an_oversized_head_is_502(self):
        self.each_is_502(self.OVERSIZED)

    def test_case_19_a_head_at_the_limit_is_forwarded(self):
        self.start(say(head_of(LIMIT)), requests=1)
        self.assertEqual(self.client().request().status, 200)


if __name__ == "__main__":
    harness.main()
