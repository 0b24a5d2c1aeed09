"""Acceptance cases 1 to 6 and 12 to 14: connections to targets that fail, or that must not be used again."""

import threading

import harness
from acceptance import KEPT_IDLE, NEVER_IDLE, AcceptanceCase
from backends import Backend, BlackHole, hang, reset, serve

BODY = b"pay 100"
# A budget so large that it is the rule about repeating that decides.
GENEROUS = {"attempts": 3, "budgetPercent": 100, "budgetMinPerSecond": 1000}
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
PART = b"x" * 100_000


class TargetCase(AcceptanceCase):
    def start_first(self, bad, *more, requests, **options):
        """`bad` is always tried first, a good target last."""
        self.good = self.using(Backend(serve(b"good")))
        options = {"loadbalance": "first", "retries": GENEROUS, **options}
        self.start(bad, *more, self.good, requests=requests, **options)
        self.bad = self.backends[0]

    def gets_good(self, count=1):
        client = self.client()
        for _ in range(count):
            response = client.request()
            self.assertEqual((response.status, response.body), (200, b"good"))

    def post(self):
        return self.client().request("POST", "/pay", body=BODY)

    def assert_seen_once(self):
        self.assertEqual((self.bad.count(), self.good.count()), (1, 0))


class KeptConnectionCloses(TargetCase):
    """Case 1: a target closes an idle connection at the moment a request is sent on it."""

    ROUNDS = 10

    def one_answer(self, end):
        def script(peer):
            if peer.read_request():
                peer.answer(b"once")
            peer.read_head()  # the next request on this connection is read and dropped
            end(peer)

        return script

    def gets_are_answered(self, end):
        self.start(self.one_answer(end), requests=self.ROUNDS, upstream=KEPT_IDLE)
        client = self.client()
        for _ in range(self.ROUNDS):
            response = client.request()
            self.assertEqual((response.status, response.body), (200, b"once"))
        self.eventually(lambda: len(self.lines()) == self.ROUNDS)
        # Each GET but the first met a connection that closed on it, and was repeated once.
        self.assertEqual([line["retries"] for line in self.lines()], [0] + [1] * (self.ROUNDS - 1))
        self.assertEqual(self.backend.count(), 2 * self.ROUNDS - 1)

    def test_case_01_a_get_is_sent_again_when_a_kept_connection_closes_on_it(self):
        self.gets_are_answered(lambda peer: None)

    def test_case_01_a_get_is_sent_again_when_a_kept_connection_is_reset_under_it(self):
        self.gets_are_answered(lambda peer: peer.reset())


class PostThatWasSent(TargetCase):
    """Case 2: what a target may have begun is not begun again."""

    def once(self, script, status=502):
        self.start_first(script, requests=1, timeouts={"response": "500ms"})
        response = self.post()
        self.assertEqual((response.status, response.complete), (status, True))
        self.assert_seen_once()

    def test_case_02_a_post_that_was_reset_is_not_repeated(self):
        self.once(lambda peer: peer.read_request() and peer.reset())

    def test_case_02_a_post_whose_target_closed_is_not_repeated(self):
        self.once(lambda peer: peer.read_request())

    def test_case_02_a_post_that_was_answered_with_garbage_is_not_repeated(self):
        self.once(lambda peer: peer.read_request() and peer.send(b"\x16\x03\x01 this is no HTTP\r\n\r\n"))

    def test_case_02_a_post_without_an_answer_is_not_repeated(self):
        self.once(hang, 504)

    def partly_sent(self, head, part, end):
        """The target ends the connection with the body half-way; then the client would go on."""

        def script(peer):
            peer.read_head()
            while len(peer.buffer) < len(PART):
                peer.more()
            end(peer)

        self.start_first(script, requests=1)
        client = self.client()
        client.send(head + part)
        response = client.read_response("POST")
        self.assertEqual((response.status, response.complete), (502, True))
        # The rest of the body has no place to go: it must not be read as the next request.
        self.assertTrue(response.closes)
        self.assert_seen_once()

    def test_case_02_a_post_partly_sent_and_reset(self):
        self.partly_sent(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n", PART, lambda peer: peer.reset())

    def test_case_02_a_post_partly_sent_and_closed(self):
        self.partly_sent(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n", PART, lambda peer: None)

    def test_case_02_a_chunked_post_partly_sent_and_reset(self):
        part = b"%x\r\n%s\r\n" % (len(PART), PART)
        self.partly_sent(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", part,
                         lambda peer: peer.reset())

    def test_case_02_a_put_whose_beginning_is_gone_is_not_repeated(self):
        # Idempotent, but what was sent on is no longer held.
        self.partly_sent(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n", PART, lambda peer: peer.reset())

    def test_case_02_a_kept_connection_that_closes_as_a_post_comes(self):
        """The post may be lost with the connection, never doubled."""

        def script(peer):
            if peer.read_request():
                peer.answer(b"first")
            peer.read_head()  # reads the second request, says nothing, closes

        self.start(script, requests=2, upstream=KEPT_IDLE)
        client = self.client()
        self.assertEqual(client.request().body, b"first")
        self.assertEqual(client.request("POST", "/pay", body=BODY).status, 502)
        self.assertEqual([request.method for request in self.backend.requests], ["GET", "POST"])


class PostThatWasNotSent(TargetCase):
    """Case 3: with nothing written yet, any method moves on."""

    def moves_on(self):
        response = self.post()
        self.assertEqual((response.status, response.body), (200, b"good"))
        self.assertEqual(self.good.requests[0].body, BODY)
        self.assertEqual(self.good.count(), 1)

    def test_case_03_a_post_moves_on_when_the_connection_is_refused(self):
        self.start_first(serve(), requests=1)
        self.bad.refuse()
        self.moves_on()
        self.assertEqual(self.bad.count(), 0)

    def test_case_03_a_post_moves_on_when_nobody_lets_it_in(self):
        self.start_first(self.using(BlackHole()), requests=1, timeouts={"connect": "300ms"})
        self.moves_on()
        self.bad.open()
        self.assertEqual(self.bad.received(), b"")

    def test_case_03_a_post_never_uses_a_connection_that_the_target_has_closed(self):
        closed = threading.Semaphore(0)

        def one_answer(peer):
            peer.read_request()
            peer.answer(b"once")
            peer.socket.close()
            closed.release()

        self.start(one_answer, requests=10, upstream=KEPT_IDLE)
        client = self.client()
        for _ in range(10):
            response = client.request("POST", body=b"x")
            self.assertEqual((response.status, response.body), (200, b"once"))
            self.assertTrue(closed.acquire(timeout=20))
        self.assertEqual(self.backend.count(), 10)


class ConnectionRefused(TargetCase):
    """Case 4."""

    def test_case_04_a_refused_connection_moves_on_to_the_next_target(self):
        self.start_first(serve(), requests=20)
        self.bad.refuse()
        self.gets_good(20)

    def test_case_04_several_refused_connections_move_on_too(self):
        self.start_first(serve(), serve(), serve(), requests=5)
        for backend in self.backends[:-1]:
            backend.refuse()
        self.gets_good(5)

    def test_case_04_all_targets_down_is_503(self):
        self.start(serve(), serve(), serve(), requests=4)
        for backend in self.backends:
            backend.refuse()
        client = self.client()
        for _ in range(3):
            response = client.request()
            self.assertEqual((response.status, response.closes), (503, False))
        self.assertEqual(client.request("POST", body=BODY).status, 503)


class BlackHoledConnection(TargetCase):
    """Case 5."""

    CONNECT = 0.4

    def start_first(self, *arguments, **options):
        super().start_first(*arguments, timeouts={"connect": f"{self.CONNECT * 1000:.0f}ms"}, **options)

    def test_case_05_a_black_holed_connection_moves_on_after_the_connect_timeout(self):
        self.start_first(self.using(BlackHole()), requests=1)
        self.gets_good()
        line = self.wait_line()
        self.assertGreaterEqual(line["duration_ms"], self.CONNECT * 1000)
        self.assertLess(line["duration_ms"], self.CONNECT * 1000 + 2_000)
        self.assertEqual(line["retries"], 1)

    def test_case_05_when_there_is_no_next_target_it_is_504(self):
        self.start(self.using(BlackHole()), requests=1, timeouts={"connect": "300ms"})
        self.assertEqual(self.client().request().status, 504)


class ResetBeforeTheHead(TargetCase):
    """Case 6."""

    def test_case_06_a_get_that_was_reset_is_repeated_elsewhere(self):
        self.start_first(reset, requests=20)
        self.gets_good(20)

    def test_case_06_a_get_that_was_reset_everywhere_is_502_after_its_attempts(self):
        self.start(reset, reset, reset, reset, requests=1, retries=GENEROUS)
        response = self.client().request()
        self.assertEqual((response.status, response.complete), (502, True))
        self.assertEqual(sum(backend.count() for backend in self.backends), GENEROUS["attempts"])

    def test_case_06_without_a_repetition_it_is_502_at_once(self):
        self.start(reset, requests=1, retries={"attempts": 1})
        self.assertEqual(self.client().request().status, 502)
        self.assertEqual(self.backend.count(), 1)


class EarlyResponse(TargetCase):
    """Case 12: the final response comes before the request's body has ended."""

    def start_refusing(self, requests=1):
        def script(peer):
            peer.read_head()
            peer.answer(b"no", "413 Too Large")
            peer.wait_closed()

        self.start(script, requests=requests, upstream=NEVER_IDLE)

    def refused(self, client, head, body):
        client.send(head + body)
        response = client.read_response("POST")
        self.assertEqual((response.status, response.body, response.closes), (413, b"no", True))

    def test_case_12_an_early_response_is_forwarded_and_its_connection_not_pooled(self):
        self.start_refusing(requests=2)
        self.refused(self.client(), b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", b"some")
        self.eventually(lambda: self.idle_at_targets() == 0, "the target's connection is closed")
        # The rest of that body must not be taken for a request by the next user of the connection.
        self.backend.script = lambda peer: peer.read_request() and peer.answer(b"fine")
        self.assertEqual(self.client().request().body, b"fine")
        self.assertEqual(len(self.backend.peers), 2)

    def test_case_12_what_is_left_of_the_body_is_no_request(self):
        self.start_refusing()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (4 + 10 * len(SMUGGLED))
        client = self.client()
        self.refused(client, head, b"some")
        try:
            client.send(10 * SMUGGLED)
        except OSError:
            pass  # it may have closed already
        self.assertEqual(client.read_to_end(), b"")
        self.assertEqual(self.backend.count(), 1)

    def test_case_12_nor_of_a_chunked_one(self):
        self.start_refusing()
        self.refused(self.client(), b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nsome\r\n")
        self.assertEqual(self.backend.count(), 1)


class BytesOutOfStep(TargetCase):
    """Cases 13 and 14: a target that says more than it was asked."""

    MINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"
    EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    def extra(self, response, method="GET", body=b"mine"):
        def script(peer):
            while peer.read_request():
                peer.send(response + self.EVIL)

        self.start(script, requests=5, upstream=KEPT_IDLE)
        client = self.client()
        for _ in range(5):
            self.assertEqual(client.request(method).body, body)
        self.assertTrue(all(peer.served == 1 for peer in self.backend.peers))

    def test_case_13_extra_bytes_after_a_response_go_with_the_connection(self):
        self.extra(self.MINE)

    def test_case_13_extra_bytes_after_a_chunked_response(self):
        self.extra(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n")

    def test_case_13_a_body_for_a_head_request(self):
        self.extra(self.MINE, "HEAD", b"")

    def test_case_13_a_body_with_a_304(self):
        self.extra(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nmine", body=b"")

    def test_case_13_a_body_with_a_204(self):
        self.extra(b"HTTP/1.1 204 No Content\r\n\r\nmine", body=b"")

    def test_case_14_bytes_on_an_idle_connection_close_it_and_are_never_delivered(self):
        asked, ended = threading.Semaphore(0), threading.Semaphore(0)

        def script(peer):
            peer.read_request()
            peer.answer(b"mine")
            asked.acquire()
            peer.send(self.EVIL)
            peer.wait_closed()
            ended.release()

        self.start(script, requests=10, upstream=NEVER_IDLE)
        client = self.client()
        for _ in range(10):
            self.assertEqual(client.request().body, b"mine")
            asked.release()
            self.assertTrue(ended.acquire(timeout=20), "the connection is closed at once")
        self.assertTrue(all(peer.served == 1 for peer in self.backend.peers))

    def test_case_14_bytes_that_wait_when_the_next_request_comes_are_not_its_answer(self):
        said = threading.Semaphore(0)

        def script(peer):
            while peer.read_request():
                peer.answer(b"mine")
                peer.send(self.EVIL)
                said.release()

        self.start(script, requests=20, upstream=KEPT_IDLE)
        client = self.client()
        for _ in range(20):
            self.assertEqual(client.request().body, b"mine")
            self.assertTrue(said.acquire(timeout=20))


if __name__ == "__main__":
    harness.main()
