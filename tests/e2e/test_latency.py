"""What strategies that look at latencies learn of a target: the time that the target takes, and nobody else's."""

import time

from backends import Backend, BlackHole, hang, serve
from client import Client, get
from harness import NO_EJECTION, E2eTest, Proxy, main, port_of, spec_of

SLOW = 0.05


def serve_late(peer):
    while peer.read_request():
        time.sleep(SLOW)
        peer.answer(b"late")


def fail_at_once(peer):
    while peer.read_request():
        peer.answer(b"error", status="503 Service Unavailable")


def echo(peer):
    while peer.more():
        peer.send(peer.buffer)
        peer.buffer = b""


def echo_late(peer):
    while peer.more():
        time.sleep(SLOW)
        peer.send(peer.buffer)
        peer.buffer = b""


class Learnt(E2eTest):
    def start(self, *scripts, more=(), **options):
        self.backends = [self.using(Backend(script)) for script in scripts]
        targets = [*(backend.url.replace("http", options.get("key", "http")) for backend in self.backends), *more]
        self.proxy = self.using(Proxy(spec_of(port_of(targets, loadbalance="ewma", outlier=NO_EJECTION, **options))))

    def counts(self):
        return [len(backend.requests) for backend in self.backends]

    def learn(self):
        """Until each has answered; what follows goes to the faster one."""
        self.eventually(lambda: get(self.proxy.port) and all(self.counts()), "all were asked")

    def test_errors_at_once_are_no_sign_of_speed(self):
        self.start(serve(), serve_late, fail_at_once)
        self.learn()
        for _ in range(100):
            get(self.proxy.port)
        self.assertLess(self.counts()[2], 10)

    def ask_impatiently(self, ask):
        """How many of 40 had an answer within 0.3 s."""
        answered = 0
        for _ in range(40):
            with Client(self.proxy.port, timeout=0.3) as client:
                try:
                    ask(client)
                    answered += 1
                except TimeoutError:
                    client.reset()
        return answered

    @staticmethod
    def ask_http(client):
        client.send_request()
        client.read_response()

    @staticmethod
    def ask_tcp(client):
        client.send(b"x")
        client.read_exactly(1)

    def test_who_waited_in_vain_tells_of_it(self):
        self.start(serve_late, hang, serve_late)
        # Once when nothing is known of it.
        self.assertGreaterEqual(self.ask_impatiently(self.ask_http), 37)

    def test_so_does_who_waited_for_a_connection(self):
        hole = self.using(BlackHole())
        self.start(serve_late, serve_late, more=[hole.url])
        self.assertGreaterEqual(self.ask_impatiently(self.ask_http), 37)

    def test_so_does_a_tcp_client_that_has_said_something(self):
        self.start(echo_late, hang, echo_late, key="tcp")
        self.assertGreaterEqual(self.ask_impatiently(self.ask_tcp), 37)

    def test_who_goes_at_once_makes_no_target_fast(self):
        self.start(serve_late, hang)
        for _ in range(6):
            client = self.using(Client(self.proxy.port))
            client.send_request()
            client.reset()
        self.assertGreaterEqual(self.ask_impatiently(self.ask_http), 37)

    def test_the_time_that_a_client_takes_is_not_the_target_s(self):
        self.start(serve(), serve_late)
        self.learn()
        before = self.counts()
        with Client(self.proxy.port) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
            for _ in range(4):
                time.sleep(3 * SLOW)
                client.send(b"x")
            self.assertEqual(client.read_response().status, 200)
        for _ in range(10):
            get(self.proxy.port)
        self.assertEqual([now - then for now, then in zip(self.counts(), before)], [11, 0])

    def test_who_gives_up_before_it_has_said_all_tells_nothing(self):
        self.start(serve(), serve_late)
        self.learn()
        before = self.counts()
        with Client(self.proxy.port) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nx")
            self.eventually(lambda: self.counts() != before, "the target has its head")
            time.sleep(6 * SLOW)
        for _ in range(10):
            get(self.proxy.port)
        self.assertEqual([now - then for now, then in zip(self.counts(), before)], [11, 0])

    def test_a_silent_tcp_client_says_nothing_of_its_target(self):
        self.start(echo, echo_late, key="tcp")

        def ask(silence=0):
            with Client(self.proxy.port) as client:
                time.sleep(silence)
                client.send(b"x")
                client.read_exactly(1)

        def asked():
            return [len(backend.peers) for backend in self.backends]

        self.eventually(lambda: ask() or all(asked()), "all were asked")
        before = asked()
        ask(silence=6 * SLOW)
        for _ in range(10):
            ask()
        self.assertEqual([now - then for now, then in zip(asked(), before)], [11, 0])


if __name__ == "__main__":
    main()
