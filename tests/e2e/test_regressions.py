"""One test a bug that was found, named after the behaviour that must hold."""

import select
import socket
import threading

import harness
from backends import Backend, serve
from client import TIMEOUT, Client
from harness import E2eTest, Proxy, port_of, spec_of

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Regressions(E2eTest):
    def start(self, script, **options):
        self.backend = self.using(Backend(script))
        self.proxy = self.using(Proxy(spec_of(port_of([self.backend], health=False, **options)), "--access-log"))
        return self.using(Client(self.proxy.port))

    def answers(self, head):
        """A target that reads a request and says `head`."""

        def script(peer):
            peer.read_request()
            peer.send(head)
            peer.wait_closed()

        return script

    def status_of_upgrade(self, head):
        client = self.start(self.answers(head), limits={"headers": 256})
        client.send(UPGRADE)
        return client.read_response().status

    def test_a_101_full_of_upgrade_fields_is_refused(self):
        fields = b"Upgrade: websocket\r\n" * 250
        self.assertEqual(self.status_of_upgrade(b"HTTP/1.1 101 S\r\n" + fields + b"\r\n"), 502)

    def test_a_101_to_another_protocol_is_refused(self):
        self.assertEqual(self.status_of_upgrade(b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n"), 502)

    def test_a_flood_of_interim_responses_is_cut_short(self):
        client = self.start(self.answers(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000))
        client.send(GET)
        self.assertEqual(client.read_response().status, 502)

    def test_a_trailing_empty_line_does_not_hold_the_connection(self):
        client = self.start(serve(b"ok"))
        client.send(GET + b"\r\n")
        self.assertEqual(client.read_response().status, 200)
        client.half_close()
        self.assertTrue(client.at_end())

    def test_an_empty_line_in_two_pieces_is_no_head(self):
        client = self.start(serve(b"ok"), timeouts={"head": "200ms", "idle": "600ms"})
        client.send(GET + b"\r")
        self.assertEqual(client.read_response().status, 200)
        self.assertRaises(TimeoutError, self.wait_for_nothing, client)
        client.send(b"\n")
        self.assertTrue(client.at_end())  # the end of an idle connection, without a 408

    def test_half_a_pipelined_head_and_an_end_is_the_end(self):
        client = self.start(serve(b"ok"))
        client.send(GET + b"GET /par")
        client.half_close()
        self.assertEqual(client.read_response().status, 200)
        self.assertTrue(client.at_end())
        self.proxy.wait_event("access", error="client_closed")

    def test_urgent_data_does_no_harm(self):
        client = self.start(serve(b"ok"))
        client.socket.send(b"!", socket.MSG_OOB)
        for _ in range(3):
            client.send(GET)
            self.assertEqual(client.read_response().status, 200)

    def test_a_reset_within_a_head_has_its_access_line(self):
        client = self.start(serve(b"ok"))
        client.send(GET)
        self.assertEqual(client.read_response().status, 200)
        client.send(b"GET /par")
        client.reset()
        self.proxy.wait_event("access", error="client_closed")

    def test_pipelining_with_a_reader_that_lags_stays_in_order(self):
        def script(peer):
            while request := peer.read_request():
                peer.answer(request.target.encode() * 5000)

        client = self.start(script)
        count = 200
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(count)))
        for n in range(count):
            self.assertEqual(client.read_response().body, b"/%d" % n * 5000)

    def test_an_early_answer_survives_a_long_upload(self):
        body = b"x" * 60_000

        def script(peer):
            peer.read_head()
            peer.answer(body, status="413 Content Too Large")
            peer.wait_closed()

        self.start(script)
        with Client(self.proxy.port, receive_buffer=4096) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
            client.send(b"y" * 1_200_000)
            response = client.read_response()
            self.assertEqual((response.status, response.body), (413, body))

    def test_an_upload_that_moves_outlives_the_request_deadline(self):
        client = self.start(serve(lambda request: request.body), timeouts={"request": "300ms"})
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n")
        for letter in b"abcdefgh":
            # Pacing is what is tested: the body takes longer than the deadline.
            self.assertRaises(TimeoutError, self.wait_for_nothing, client)
            client.send(bytes([letter]))
        self.assertEqual(client.read_response().body, b"abcdefgh")

    def wait_for_nothing(self, client):
        before = client.socket.gettimeout()
        client.socket.settimeout(0.06)
        try:
            client.socket.recv(1, socket.MSG_PEEK)
        finally:
            client.socket.settimeout(before)


    def test_a_reset_that_a_blocked_upload_hears_of_first_is_no_end_of_the_response(self):
        # Linux reports a reset once. When the write of the upload took the report, the read that followed found
        # an end, and a body that lasts until the connection closes looked complete.
        blocked = threading.Event()

        def half_an_answer(peer):
            peer.read_head()
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            blocked.wait(TIMEOUT)
            peer.reset()

        backend = self.using(Backend(half_an_answer, receive_buffer=4096))
        proxy = self.using(Proxy(spec_of(port_of([backend], accessLog=True))))
        client = self.using(Client(proxy.port))
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000000\r\n\r\n")
        response = client.read_response(body=False)
        block = b"x" * 65536
        while select.select([], [client.socket], [], 0.5)[1]:
            try:
                client.socket.send(block, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
        blocked.set()
        client.read_body(response, "POST")
        self.assertFalse(response.complete)
        line = proxy.wait_event("access")[0]
        self.assertIn(line["error"], ("connection_reset", "connection_closed"))

    def test_bytes_behind_an_upgrade_that_no_port_allows_are_no_request(self):
        head = b"GET /%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        behind = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        for options in ({"upgrades": []}, {"perClient": {"requestsPerSecond": 1, "burst": 1}}):
            backend = self.using(Backend())
            proxy = self.using(Proxy(spec_of(port_of([backend], **options))))
            with Client(proxy.port) as client:
                client.request("GET", "/first")
            with Client(proxy.port) as client:
                client.send(head % b"ws" + behind)
                client.read_response()
                self.assertTrue(client.at_end())
            self.assertNotIn("/smuggled", [request.target for request in backend.requests])


    def test_an_urgent_byte_in_a_spliced_body_does_not_stop_it(self):
        # splice(2) does not get past it, and would find the socket empty for ever.
        arrived = threading.Event()

        def urgent_within(peer):
            peer.read_head()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 400_000)
            arrived.wait(TIMEOUT)
            peer.socket.send(b"!", socket.MSG_OOB)
            peer.send(b"a" * 600_000)
            peer.wait_closed()

        backend = self.using(Backend(urgent_within))
        proxy = self.using(Proxy(spec_of(port_of([backend], timeouts={"body": "5s"}))))
        client = self.using(Client(proxy.port))
        client.send_request()
        response = client.read_response(body=False)
        self.assertEqual(client.read_exactly(400_000), b"a" * 400_000)
        arrived.set()
        self.assertEqual(client.read_exactly(600_000), b"a" * 600_000)
        self.assertEqual(response.status, 200)


if __name__ == "__main__":
    harness.main()
