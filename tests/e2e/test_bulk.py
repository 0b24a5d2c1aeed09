"""Bodies long enough to be spliced: exact, and nothing left behind; one that breaks off is acceptance case 7."""

import os
import threading

import harness
from backends import Backend
from client import TIMEOUT, Client
from harness import E2eTest, Proxy, port_of, spec_of

SIZE = 3 * 1024 * 1024 + 17


class Bulk(E2eTest):
    def start_with(self, script, **options):
        self.backend = self.using(Backend(script))
        spec = spec_of(port_of([self.backend], health=False, accessLog=True, **options))
        self.proxy = self.using(Proxy(spec))

    def bodies(self, peer):
        """Answers /N with a body that no other N has."""
        while request := peer.read_request():
            peer.answer(self.body_of(request.target))

    def body_of(self, target):
        return self.blocks[int(target.strip("/")) % len(self.blocks)]

    def setUp(self):
        super().setUp()
        self.blocks = [os.urandom(SIZE) for _ in range(4)]

    def test_what_a_slow_target_has_sent_is_not_held_back(self):
        # The proxy waits for lumps while a target is fast. This one goes on only when its bytes have arrived.
        arrived = threading.Semaphore(0)
        pieces = [self.blocks[0][:600_000], *(self.blocks[0][at:at + 1_000] for at in range(600_000, 604_000, 1_000))]

        def slowly(peer):
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 604000\r\n\r\n")
            for piece in pieces:
                peer.send(piece)
                if not arrived.acquire(timeout=TIMEOUT):
                    return
            # The connection is used again, and a small answer on it is not held back either.
            while peer.read_request():
                peer.answer(b"small")

        self.start_with(slowly)
        client = self.using(Client(self.proxy.port))
        client.send_request()
        response = client.read_response(body=False)
        self.assertEqual(response.status, 200)
        for piece in pieces:
            self.assertEqual(client.read_exactly(len(piece)), piece)
            arrived.release()
        self.assertEqual(client.request().body, b"small")
        self.assertEqual(len(self.backend.requests), 2)

    def test_many_at_once_do_not_mix(self):
        self.start_with(self.bodies)
        wrong = []

        def fetch(number):
            with Client(self.proxy.port) as client:
                for turn in range(4):
                    target = f"/{number + turn}"
                    response = client.request("GET", target)
                    if response.status != 200 or response.body != self.body_of(target):
                        wrong.append((number, turn, response.status, len(response.body)))

        threads = [threading.Thread(target=fetch, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_client_that_goes_away_frees_both_sides(self):
        self.start_with(self.bodies)
        with Client(self.proxy.port) as client:
            client.request("GET", "/0")
        before = self.proxy.open_files()
        for _ in range(20):
            client = Client(self.proxy.port, receive_buffer=4096)
            client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            client.socket.recv(1000)
            client.reset()
        # One pooled pipe (two descriptors) may stay, and one idle connection to the target.
        self.eventually(lambda: self.proxy.open_files() <= before + 3, "descriptors back")
        with Client(self.proxy.port) as client:
            self.assertEqual(client.request("GET", "/2").body, self.body_of("/2"))

    def test_a_reader_that_stalls_is_let_go_after_the_limit(self):
        def script(peer):
            peer.read_request()
            # More than the kernel buffers between here and the client.
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (10 * SIZE))
            for _ in range(10):
                peer.send(self.blocks[0])

        self.start_with(script, timeouts={"body": "400ms"})
        with Client(self.proxy.port, receive_buffer=4096) as client:
            client.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
            entry = self.eventually_access()
        self.assertEqual(entry["status"], 200)
        self.assertEqual(entry["error"], "body_stalled")

    def eventually_access(self):
        self.eventually(lambda: self.proxy.access(), "an access line")
        return self.proxy.access()[-1]


if __name__ == "__main__":
    harness.main()
