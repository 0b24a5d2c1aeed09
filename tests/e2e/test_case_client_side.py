"""Acceptance cases 20, 21, 23 to 27, 31 and 32: clients that are slow, go away, run ahead or deceive."""

import statistics
import threading
import time
from concurrent import futures

import harness
from acceptance import GET, NEVER_IDLE, AcceptanceCase
from backends import BlackHole, hang, serve
from client import Client, raw_request

BAD = b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def trickle(client, data, pause, limit=20.0):
    """Sends a byte every `pause` seconds until the proxy says something or ends; the seconds that took."""
    begun = time.monotonic()
    client.socket.settimeout(pause)
    for byte in data:
        try:
            client.send(bytes([byte]))
            if not client.more() or client.buffer:
                break
        except TimeoutError:
            pass  # nothing was said yet
        except OSError:
            break
        assert time.monotonic() - begun < limit, "nothing within the limit"
    client.socket.settimeout(limit)
    return time.monotonic() - begun


class SlowHead(AcceptanceCase):
    """Case 20: a byte now and then does not move the limit of a head."""

    HEAD = 1.0

    def slow_head(self, client):
        took = trickle(client, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1000, 0.05)
        response = client.read_response()
        self.assertEqual((response.status, response.closes), (408, True))
        self.assertTrue(client.at_end())
        self.assertTrue(self.HEAD - 0.2 < took < self.HEAD + 2, took)

    def begin(self, requests):
        self.start(serve(), requests=requests, timeouts={"head": f"{self.HEAD}s", "idle": "60s"})

    def test_case_20_a_head_that_trickles_is_408_at_the_limit(self):
        self.begin(1)
        self.slow_head(self.client())
        self.assertEqual(self.backend.peers, [])

    def test_case_20_and_so_is_the_second_of_a_connection(self):
        self.begin(2)
        client = self.client()
        self.assertEqual(client.request().status, 200)
        self.slow_head(client)

    def test_case_20_others_are_not_affected(self):
        count = 200
        self.begin(count + 1)
        with futures.ThreadPoolExecutor() as pool:
            slow = pool.submit(self.slow_head, self.client())
            client, took = self.client(), []
            for _ in range(count):
                begun = time.monotonic()
                self.assertEqual(client.request().status, 200)
                took.append(time.monotonic() - begun)
            slow.result()
        self.assertLess(statistics.median(took), self.HEAD / 20)


class SlowBody(AcceptanceCase):
    """Case 21: a body that does not move for the time of the limit."""

    def stalls(self, request):
        ended = []

        def script(peer):
            ended.append(peer.read_body(peer.read_head()))

        self.start(script, requests=1, timeouts={"body": "400ms"}, upstream=NEVER_IDLE)
        client = self.client()
        begun = time.monotonic()
        client.send(request)
        response = client.read_response("POST")
        took = time.monotonic() - begun
        self.assertEqual((response.status, response.closes), (408, True))
        self.assertTrue(0.3 < took < 3, took)
        self.assertTrue(client.at_end())
        self.eventually(lambda: ended, "the target is released")
        self.assertEqual(ended, [False])  # and has not been told that the body is whole

    def test_case_21_a_body_that_stalls_is_given_up_and_its_target_released(self):
        self.stalls(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")

    def test_case_21_a_chunked_body_that_stalls(self):
        self.stalls(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n")

    def test_case_21_a_body_that_never_begins(self):
        self.stalls(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")

    def test_case_21_a_body_that_moves_may_take_its_time(self):
        self.start(serve(lambda request: request.body), requests=1, timeouts={"body": "400ms"})
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n")
        took = trickle(client, b"a dozen byte", 0.1)
        self.assertGreater(took, 0.8)
        self.assertEqual(client.read_response("POST").body, b"a dozen byte")


class Abort(AcceptanceCase):
    """Cases 23 and 24: the client goes away."""

    def abort_in_an_upload(self, request, go_away):
        ended = []

        def script(peer):
            ended.append(peer.read_body(peer.read_head()))
            peer.wait_closed()

        self.start(script, requests=1, upstream=NEVER_IDLE)
        client = self.client()
        client.send(request)
        self.eventually(lambda: b"some" in self.backend.received())
        go_away(client)
        self.eventually(lambda: self.idle_at_targets() == 0, "the target's connection is closed, not pooled")
        self.assertEqual(ended, [False])
        self.assertEqual(self.wait_line()["error"], "client_closed")

    def test_case_23_a_reset_in_an_upload_closes_the_targets_connection(self):
        self.abort_in_an_upload(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome", Client.reset)

    def test_case_23_a_reset_in_a_chunked_upload(self):
        self.abort_in_an_upload(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n", Client.reset)

    def test_case_23_an_end_in_an_upload(self):
        self.abort_in_an_upload(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome", Client.half_close)

    def test_case_23_an_end_in_a_chunked_upload(self):
        self.abort_in_an_upload(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n",
                                Client.half_close)

    def test_case_23_a_reset_while_the_target_works(self):
        self.start(hang, requests=1, upstream=NEVER_IDLE)
        client = self.client()
        client.send(GET)
        self.eventually(self.backend.count)
        client.reset()
        self.eventually(lambda: self.idle_at_targets() == 0, "the target's connection is closed")

    def test_case_24_a_request_aborted_while_it_waits_for_a_connection_is_never_sent(self):
        hole = self.using(BlackHole())
        self.start(hole, requests=1, timeouts={"connect": "30s"})
        before = self.proxy.open_files()
        client = self.client()
        client.send(b"POST /pay HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\npay")
        self.eventually(lambda: self.proxy.open_files() == before + 2, "it is connecting")
        client.reset()
        self.assertEqual(self.wait_line()["error"], "client_closed")
        self.eventually(lambda: self.proxy.open_files() == before, "it has let go")
        hole.open()
        # A connection made later comes in behind whatever had been waiting.
        self.assertEqual(raw_request(hole.port, b"GET /probe HTTP/1.1\r\nHost: a\r\n\r\n", half_close=True)[-2:], b"ok")
        self.assertEqual([request.target for request in hole.requests], ["/probe"])


class HalfClose(AcceptanceCase):
    """Case 25: the client has no more to say, but listens."""

    BODY = bytes(range(256)) * 8192

    def half_closed(self, body, pipes=0):
        self.pooled_pipes = pipes
        go = threading.Event()

        def script(peer):
            while peer.read_request():
                go.wait(20)
                peer.answer(body)

        self.start(script, requests=1)
        client = self.client()
        client.send(GET)
        client.half_close()
        self.eventually(self.backend.count)
        go.set()
        response = client.read_response()
        self.assertEqual((response.status, response.complete), (200, True))
        self.assertEqual(response.body, body)
        self.assertTrue(client.at_end())

    def test_case_25_a_half_closed_client_gets_its_response(self):
        self.half_closed(b"ok")

    def test_case_25_a_half_closed_client_gets_a_long_response(self):
        self.half_closed(self.BODY, pipes=1)

    def test_case_25_a_half_closed_client_gets_all_its_responses(self):
        self.start(serve(lambda request: request.target.encode()), requests=3)
        client = self.client()
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3)))
        client.half_close()
        self.assertEqual([client.read_response().body for _ in range(3)], [b"/0", b"/1", b"/2"])
        self.assertTrue(client.at_end())


class Pipelining(AcceptanceCase):
    """Cases 26 and 27; that it is bounded is in test_case_slow_readers.py."""

    def test_case_26_pipelined_gets_are_answered_in_order(self):
        self.start(serve(lambda request: request.target.encode() * 50), requests=50)
        client = self.client()
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(50)))
        for i in range(50):
            self.assertEqual(client.read_response().body, b"/%d" % i * 50)
        self.assertEqual(len(self.backend.peers), 1)  # one after the other: never pipelined to a target

    def test_case_26_with_bodies_between(self):
        self.start(serve(lambda request: request.method.encode() + request.body), requests=3)
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n" + GET)
        self.assertEqual([client.read_response().body for _ in range(3)], [b"POSTabc", b"POSTde", b"GET"])

    def test_case_27_a_malformed_request_behind_a_good_one(self):
        self.start(serve(), requests=2)
        client = self.client()
        client.send(GET + BAD + SMUGGLED)
        self.assertEqual(client.read_response().status, 200)
        response = client.read_response()
        self.assertEqual((response.status, response.closes), (400, True))
        self.assertTrue(client.at_end())
        self.assertEqual(self.backend.count(), 1)

    def test_case_27_a_malformed_request_behind_a_body(self):
        self.start(serve(), requests=2)
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n" + BAD + SMUGGLED)
        self.assertEqual([client.read_response("POST").status, client.read_response().status], [200, 400])
        self.assertTrue(client.at_end())
        self.assertEqual(self.backend.count(), 1)


class RefusedExpectation(AcceptanceCase):
    """Case 31: the body that was announced must never be taken for a request."""

    EXPECTING = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"

    def refused(self, status, framing, then, **options):
        def script(peer):
            while peer.read_head():
                peer.answer(b"no", "417 No")

        self.start(script, requests=1, **options)
        client = self.client()
        client.send(self.EXPECTING + framing)
        response = client.read_response("POST")
        self.assertEqual((response.status, response.interim, response.closes), (status, [], True))
        try:
            client.send(then)
            client.read_to_end()
        except OSError:
            pass  # it may have closed already
        self.assertNotIn(b"/smuggled", self.backend.received())

    def test_case_31_the_body_of_a_refused_expectation_is_no_request(self):
        self.refused(417, b"Content-Length: %d\r\n\r\n" % len(SMUGGLED), SMUGGLED)

    def test_case_31_nor_is_a_chunked_one(self):
        self.refused(417, b"Transfer-Encoding: chunked\r\n\r\n", SMUGGLED)

    def test_case_31_nor_is_one_that_did_not_wait(self):
        def script(peer):
            peer.read_head()
            peer.answer(b"no", "417 No")
            peer.wait_closed()  # the body itself may come, as a body

        self.start(script, requests=1)
        client = self.client()
        client.send(self.EXPECTING + b"Content-Length: 1000\r\n\r\n" + SMUGGLED)
        self.assertEqual(client.read_response("POST").status, 417)
        self.assertEqual(client.read_to_end(), b"")
        self.assertEqual(len(self.backend.peers), 1)

    def test_case_31_nor_is_one_that_the_proxy_refuses(self):
        self.refused(413, b"Content-Length: %d\r\n\r\n" % len(SMUGGLED), SMUGGLED, limits={"bodyBytes": 10})
        self.assertEqual(self.backend.peers, [])


class Nomination(AcceptanceCase):
    """Case 32: Connection names fields to be removed, but not those that the proxy vouches for."""

    def ask(self, nominated, fields=(), body=None):
        self.start(serve(), requests=1)
        response = self.client().request("POST" if body else "GET", body=body,
                                         fields=[("Connection", nominated), *fields])
        self.assertEqual(response.status, 200)
        return self.backend.requests[0]

    def test_case_32_a_nominated_x_forwarded_for_is_still_ours(self):
        self.assertEqual(self.ask("X-Forwarded-For").get("x-forwarded-for"), "127.0.0.1")

    def test_case_32_nor_can_the_clients_own_take_its_place(self):
        request = self.ask("close, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host", [
            ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example")])
        self.assertEqual(request.get("x-forwarded-for"), "127.0.0.1")
        self.assertEqual(request.get("x-forwarded-proto"), "http")
        self.assertEqual(request.get("x-forwarded-host"), "test.example")

    def test_case_32_a_nomination_cannot_strip_what_matters(self):
        request = self.ask("Host, Content-Length, Authorization, Cookie, X-Forwarded-For",
                           [("Authorization", "Basic x"), ("Cookie", "a=b")], b"hi")
        self.assertEqual((request.get("authorization"), request.get("cookie")), ("Basic x", "a=b"))
        self.assertEqual((request.get("content-length"), request.get("host")), ("2", "test.example"))
        self.assertEqual(request.get("x-forwarded-for"), "127.0.0.1")


if __name__ == "__main__":
    harness.main()
