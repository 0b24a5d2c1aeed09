"""After load of every kind, descriptors and memory are back where they were."""

import random
import threading

import harness
from backends import Backend, serve
from client import BadResponse, Client, get, raw_request
from harness import FAST_CHECKS, FULL, NO_EJECTION, E2eTest, Proxy, is_sanitized, port_of, spec_of

ROUNDS = 20 if FULL else 4
CLIENTS = 16
BODY = bytes(range(256)) * 256


def moody(peer):
    """Mostly good; now and then everything that can go wrong."""
    dice = random.Random(len(peer.backend.peers))
    while request := peer.read_request():
        mood = dice.randrange(12)
        if mood == 0:
            return
        if mood == 1:
            return peer.reset()
        if mood == 2:
            peer.send(b"garbage\r\n\r\n")
            return
        if mood == 3:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut")
            return
        if mood == 4:
            peer.send(b"HTTP/1.1 200 OK\r\n\r\nuntil close")
            return
        if mood == 5:
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            continue
        peer.answer(request.body or BODY)


class Baseline(E2eTest):
    def setUp(self):
        self.bodies = set()
        self.errors = []

    def client_work(self, port, seed):
        dice = random.Random(seed)
        for _ in range(20):
            kind = dice.randrange(6)
            try:
                if kind == 0:
                    get(port)
                elif kind == 1:
                    raw_request(port, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
                elif kind == 2:  # goes away in the middle of a body
                    client = Client(port)
                    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
                    client.reset()
                elif kind == 3:  # goes away before the answer
                    client = Client(port)
                    client.send_request()
                    client.close()
                elif kind == 4:  # half a head
                    client = Client(port)
                    client.send(b"GET / HT")
                    client.close()
                else:
                    with Client(port) as client:
                        for _ in range(5):
                            response = client.request("POST", body=BODY)
                            if response.status == 200 and response.complete:
                                self.bodies.add(response.body)
                            if response.closes:
                                break
            except BadResponse as error:
                self.errors.append(error)
            except (OSError, EOFError):
                pass  # the moods of the targets reach us as cuts; what counts is the proxy afterwards

    def load(self, port, seed):
        threads = [threading.Thread(target=self.client_work, args=(port, seed * 100 + n)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_after_load(self):
        backends = [self.using(Backend(moody)) for _ in range(3)]
        options = {"outlier": NO_EJECTION, "health": FAST_CHECKS, "upstream": {"idle": "500ms"}}
        proxy = self.using(Proxy(spec_of(port_of(backends, **options)), workers=2))
        proxy.wait_up(*backends)
        at_start = proxy.open_files()

        def settled():
            # A health check may be under way at the moment of counting.
            return proxy.open_files() <= at_start + 1

        self.load(proxy.port, 0)  # buffers and pools grow to their working size once
        self.eventually(settled, f"descriptors back to {at_start}, now {proxy.open_files()}", 30)
        memory = proxy.rss()
        for number in range(1, ROUNDS + 1):
            self.load(proxy.port, number)
        self.eventually(settled, "descriptors back to the baseline", 30)
        if not is_sanitized():
            self.assertLess(proxy.rss() - memory, 2 << 20)
        self.assertEqual(self.errors, [])
        self.assertLessEqual(self.bodies, {BODY, b"until close", b"hello"})
        for backend in backends:
            backend.script = serve()
        self.assertEqual(get(proxy.port).status, 200)

    def test_after_many_short_connections(self):
        backend = self.using(Backend())
        proxy = self.using(Proxy(spec_of(port_of([backend])), workers=2))
        for _ in range(200):
            get(proxy.port)
        files, memory = proxy.open_files(), proxy.rss()
        for _ in range(2000 if not FULL else 20_000):
            get(proxy.port)
        self.assertLessEqual(proxy.open_files(), files + 2)
        if not is_sanitized():
            self.assertLess(proxy.rss() - memory, 1 << 20)


if __name__ == "__main__":
    harness.main()
