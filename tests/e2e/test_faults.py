"""Targets that hang, refuse, reset or answer garbage: GETs succeed elsewhere, a POST that was sent is
not repeated, and no client ever takes half an answer for a whole one."""

import threading

import harness
from backends import Backend, hang, reset, say, serve
from client import Client, get
from harness import NO_EJECTION, E2eTest, Proxy, port_of, spec_of
from processes import free_port

GARBAGE = say(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
QUICK = {"response": "500ms", "connect": "500ms", "request": "5s"}


class Faulty(E2eTest):
    """One faulty and one good target; without ejection, so that the fault is met again and again."""

    def start(self, script, **options):
        self.bad = self.using(Backend(script))
        self.good = self.using(Backend(serve(b"good")))
        options.setdefault("outlier", NO_EJECTION)
        options.setdefault("timeouts", QUICK)
        options.setdefault("loadbalance", "first")  # the faulty one is always tried first
        # A budget large enough that it is the rule about repeating that decides.
        options.setdefault("retries", {"attempts": 3, "budgetPercent": 100, "budgetMinPerSecond": 1000})
        return self.using(Proxy(spec_of(port_of([self.bad, self.good], **options))))

    def start_alone(self, script, **options):
        self.bad = self.using(Backend(script))
        options.setdefault("outlier", NO_EJECTION)
        options.setdefault("timeouts", QUICK)
        return self.using(Proxy(spec_of(port_of([self.bad], **options))))

    def gets_succeed(self, proxy, count=20):
        with Client(proxy.port) as client:
            for _ in range(count):
                response = client.request()
                self.assertEqual((response.status, response.body), (200, b"good"))


class Get(Faulty):
    def test_refused(self):
        proxy = self.start(serve())
        self.bad.refuse()
        self.gets_succeed(proxy)

    def test_reset_before_the_head(self):
        self.gets_succeed(self.start(reset))

    def test_closed_before_the_head(self):
        self.gets_succeed(self.start(lambda peer: peer.read_request()))

    def test_closed_within_the_head(self):
        self.gets_succeed(self.start(say(b"HTTP/1.1 200 OK\r\nContent-Le")))

    def test_garbage(self):
        self.gets_succeed(self.start(GARBAGE))

    def test_hang_before_the_head(self):
        self.gets_succeed(self.start(hang), count=3)

    def test_an_ejected_target_is_left_alone(self):
        proxy = self.start(reset, outlier={"consecutiveFailures": 3})
        self.gets_succeed(proxy, 10)
        proxy.wait_event("target_ejected", target=self.bad.url)
        seen = self.bad.count()
        self.gets_succeed(proxy, 10)
        self.assertEqual(self.bad.count(), seen)

    def test_several_faulty_targets(self):
        dead = f"http://127.0.0.1:{free_port()}"
        bad = [self.using(Backend(script)) for script in (reset, GARBAGE)]
        good = self.using(Backend(serve(b"good")))
        options = {"outlier": NO_EJECTION, "loadbalance": "first",
                   "retries": {"attempts": 3, "budgetPercent": 100, "budgetMinPerSecond": 1000}}
        proxy = self.using(Proxy(spec_of(port_of([dead, *bad, good], **options))))
        self.gets_succeed(proxy)

    def test_all_hang_is_504(self):
        proxy = self.start_alone(hang)
        self.assertEqual(get(proxy.port).status, 504)

    def test_all_refuse_is_an_error_of_the_gateway(self):
        proxy = self.start_alone(serve())
        self.bad.refuse()
        self.assertIn(get(proxy.port).status, (502, 503))

    def test_all_garbage_is_502(self):
        proxy = self.start_alone(GARBAGE)
        self.assertEqual(get(proxy.port).status, 502)

    def test_a_target_that_is_back_works_at_once(self):
        proxy = self.start_alone(serve(b"back"))
        self.bad.refuse()
        get(proxy.port)
        self.bad.listen()
        self.assertEqual(get(proxy.port).body, b"back")


class Post(Faulty):
    BODY = b"pay 100"

    def post(self, proxy):
        with Client(proxy.port) as client:
            return client.request("POST", "/pay", body=self.BODY)

    def seen(self):
        return self.bad.count() + self.good.count()

    def test_refused_moves_on_because_nothing_was_sent(self):
        proxy = self.start(serve())
        self.bad.refuse()
        response = self.post(proxy)
        self.assertEqual((response.status, response.body), (200, b"good"))
        self.assertEqual(self.good.requests[0].body, self.BODY)

    def once(self, script, status):
        proxy = self.start(script)
        self.assertEqual(self.post(proxy).status, status)
        self.assertEqual((self.bad.count(), self.good.count()), (1, 0))

    def test_reset(self):
        self.once(lambda peer: peer.read_request() and peer.reset(), 502)

    def test_closed(self):
        self.once(lambda peer: peer.read_request(), 502)

    def test_garbage(self):
        self.once(GARBAGE, 502)

    def test_hang(self):
        self.once(hang, 504)

    def test_a_kept_connection_that_closes_as_the_post_comes(self):
        """The keep-alive race: the POST may be lost with the connection, never doubled."""

        def one_then_close_on_next(peer):
            if peer.read_request():
                peer.answer(b"first")
            if peer.read_head():  # reads the second request, says nothing, closes
                return

        self.bad = self.using(Backend(one_then_close_on_next))
        proxy = self.using(Proxy(spec_of(port_of([self.bad], outlier=NO_EJECTION))))
        with Client(proxy.port) as client:
            self.assertEqual(client.request().body, b"first")
            self.assertEqual(client.request("POST", "/pay", body=self.BODY).status, 502)
        self.assertEqual([r.method for r in self.bad.requests], ["GET", "POST"])


class KeptConnection(Faulty):
    def test_a_get_on_a_connection_that_just_closed_is_sent_again(self):
        def one_answer(peer):
            if peer.read_request():
                peer.answer(b"once")
            peer.read_head()  # the next request on this connection is read and dropped

        proxy = self.start_alone(one_answer, retries={"attempts": 3, "budgetMinPerSecond": 1000})
        with Client(proxy.port) as client:
            for _ in range(10):
                response = client.request()
                self.assertEqual((response.status, response.body), (200, b"once"))

    def test_an_idle_connection_that_the_target_closed_is_not_used(self):
        closed = threading.Semaphore(0)

        def one_answer(peer):
            peer.read_request()
            peer.answer(b"once")
            peer.socket.close()
            closed.release()

        proxy = self.start_alone(one_answer)
        with Client(proxy.port) as client:
            for _ in range(10):
                response = client.request("POST", body=b"x")
                self.assertEqual((response.status, response.body), (200, b"once"))
                closed.acquire()

    def test_bytes_on_an_idle_connection_are_never_delivered(self):
        said = threading.Semaphore(0)

        def answer_and_chatter(peer):
            while peer.read_request():
                peer.answer(b"mine")
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                said.release()

        proxy = self.start_alone(answer_and_chatter)
        with Client(proxy.port) as client:
            for _ in range(10):
                self.assertEqual(client.request().body, b"mine")
                said.acquire()

    def test_extra_bytes_with_the_response_are_dropped_with_the_connection(self):
        def script(peer):
            while peer.read_request():
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmineHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

        proxy = self.start_alone(script)
        with Client(proxy.port) as client:
            for _ in range(5):
                self.assertEqual(client.request().body, b"mine")
        self.assertTrue(all(peer.served <= 1 for peer in self.bad.peers))


class CutShort(Faulty):
    """A response that breaks off must reach the client as broken off."""

    def cut(self, script, **options):
        proxy = self.start(script, **options)
        with Client(proxy.port) as client:
            client.send_request()
            try:
                response = client.read_response()
            except EOFError:  # it broke off before anything had been passed on
                self.assertEqual(client.buffer, b"")
                return None
            self.assertEqual(response.status, 200)
            self.assertFalse(response.complete)
            self.assertTrue(client.at_end())
            return response

    def test_content_length(self):
        response = self.cut(say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
        self.assertIn(response and response.body, (None, b"half"))

    def test_chunked(self):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for cut in (b"4\r\nhalf\r\n", b"8\r\nhalf", b"4\r\nhalf\r\n0\r\n", b"4\r\nhalf\r\nzz\r\n"):
            with self.subTest(cut):
                self.cut(say(head + cut))

    def test_reset_in_a_close_delimited_body(self):
        def script(peer):
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            go.wait(20)
            peer.reset()

        go = threading.Event()
        proxy = self.start(script)
        with Client(proxy.port) as client:
            client.send_request()
            response = client.read_response(body=False)
            while b"half" not in client.buffer:
                self.assertTrue(client.more())
            go.set()
            client.read_body(response, "GET")
            self.assertFalse(response.complete)

    def test_stalled_body_is_ended_by_the_limit(self):
        def script(peer):
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            peer.wait_closed()

        self.cut(script, timeouts={"body": "500ms"})


class ClientGone(Faulty):
    def test_abort_while_the_target_works(self):
        begun, seen_end = threading.Event(), threading.Event()

        def script(peer):
            peer.read_request()
            begun.set()
            peer.wait_closed()
            seen_end.set()

        proxy = self.start_alone(script, timeouts={"response": "60s"})
        client = Client(proxy.port)
        client.send_request()
        self.assertTrue(begun.wait(20))
        client.reset()
        self.assertTrue(seen_end.wait(20), "the target's connection is closed with the client's")

    def test_abort_in_an_upload(self):
        seen_end = threading.Event()

        def script(peer):
            request = peer.read_head()
            complete = peer.read_body(request)
            self.complete = complete
            seen_end.set()

        proxy = self.start_alone(script)
        client = Client(proxy.port)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome")
        self.eventually(lambda: b"some" in self.bad.received())
        client.reset()
        self.assertTrue(seen_end.wait(20))
        self.assertFalse(self.complete)

    def test_the_final_response_may_come_before_the_body_ends(self):
        def script(peer):
            peer.read_head()
            peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            peer.wait_closed()

        proxy = self.start_alone(script)
        with Client(proxy.port) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome")
            response = client.read_response("POST")
            self.assertEqual((response.status, response.body), (413, b"no"))
        # The rest of that body must not be taken for a request by the next user of the connection.
        self.bad.script = serve(b"fresh")
        self.assertEqual(get(proxy.port).body, b"fresh")


if __name__ == "__main__":
    harness.main()
