"""Redis behind a tcp port: long pipelines, even spreading, and checks that send and expect bytes."""

import collections
import hashlib
import os
import signal
import socket
import threading

import harness
from harness import E2eTest, Proxy, port_of, spec_of
from real_servers import Redis

PIPELINED = 100_000
PING_CHECK = {"type": "tcp", "send": "PING\r\n", "receive": "+PONG", "interval": "100ms", "timeout": "300ms",
              "rise": 2, "fall": 2}


def resp(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Session:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.reader = self.socket.makefile("rb")

    def ask(self, *words):
        """The lines of a flat answer: a status, or the strings of an array."""
        self.socket.sendall(resp(*words))
        line = self.reader.readline()
        if line[:1] != b"*":
            return line
        answer = []
        for _ in range(int(line[1:])):
            length = int(self.reader.readline()[1:])
            answer.append(self.reader.read(length + 2)[:-2])
        return answer

    def server(self):
        return int(self.ask(b"CONFIG", b"GET", b"port")[1])

    def close(self):
        self.reader.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RedisTest(E2eTest):
    def start(self, servers, workers=1, **options):
        self.servers = [self.using(server) for server in servers]
        spec = spec_of(port_of(self.servers, key="tcp", loadbalance="roundrobin", **options))
        self.proxy = self.using(Proxy(spec, workers=workers))
        return self.servers

    def session(self, port=None):
        return self.using(Session(port or self.proxy.port))

    def servers_of(self, count):
        """Which servers `count` connections at once are with."""
        sessions = [Session(self.proxy.port) for _ in range(count)]
        try:
            return collections.Counter(session.server() for session in sessions)
        finally:
            for session in sessions:
                session.close()


class Pipelining(RedisTest):
    def test_a_hundred_thousand_commands_at_once_are_answered_byte_for_byte(self):
        self.start([Redis(), Redis()])
        noise = os.urandom(1 << 16)
        values = [b"%d " % n + noise[n % 60_000:][:n % 97] for n in range(PIPELINED)]
        commands = b"".join(resp(b"ECHO", value) for value in values)
        want = b"".join(b"$%d\r\n%s\r\n" % (len(value), value) for value in values)

        session = self.session()
        sender = threading.Thread(target=session.socket.sendall, args=(commands,))
        sender.start()
        got = session.reader.read(len(want))
        sender.join()
        self.assertEqual(len(got), len(want))
        self.assertEqual(hashlib.sha256(got).digest(), hashlib.sha256(want).digest())
        # Nothing follows it, and the connection goes on.
        self.assertEqual(session.ask(b"PING"), b"+PONG\r\n")

    def test_all_of_a_pipeline_is_executed_once_and_in_order(self):
        self.start([Redis(), Redis()])
        session = self.session()
        sender = threading.Thread(target=session.socket.sendall, args=(resp(b"INCR", b"n") * PIPELINED,))
        sender.start()
        for number in range(1, PIPELINED + 1):
            line = session.reader.readline()
            if line != b":%d\r\n" % number:
                self.fail(f"answer {number} is {line}")
        sender.join()


class Spreading(RedisTest):
    def check(self, workers, delta):
        one, two = self.start([Redis(), Redis()], workers)
        sessions = [self.session() for _ in range(50)]
        tally = collections.Counter(session.server() for session in sessions)
        self.assertEqual(sum(tally.values()), 50)
        self.assertAlmostEqual(tally[one.port], 25, delta=delta, msg=str(tally))
        # And stay: the server of a connection does not change, and sees as many as were counted.
        again = collections.Counter(session.server() for session in sessions)
        self.assertEqual(again, tally)
        for server in (one, two):
            clients = self.session(server.port).ask(b"INFO", b"clients")
            self.assertTrue(clients.startswith(b"$"))
            with Session(server.port) as direct:
                direct.socket.sendall(b"CLIENT LIST\r\n")
                length = int(direct.reader.readline()[1:])
                seen = direct.reader.read(length).splitlines()
            self.assertEqual(len(seen), tally[server.port] + 2)

    def test_fifty_connections_halve_evenly(self):
        self.check(1, 0)

    def test_and_nearly_so_over_two_workers(self):
        self.check(2, 2)  # each worker's share may be odd


class Checks(RedisTest):
    def test_a_server_that_wants_a_password_is_down(self):
        # It lets everybody connect, and answers PING with -NOAUTH.
        closed, open_ = self.start([Redis(password="secret"), Redis()], health=PING_CHECK)
        self.proxy.wait_up(open_)
        self.proxy.wait_event("target_down", target=closed.url)
        self.assertEqual(self.servers_of(20), {open_.port: 20})
        with Session(closed.port) as direct:
            self.assertTrue(direct.ask(b"PING").startswith(b"-NOAUTH"))
            direct.ask(b"AUTH", b"secret")
            self.assertEqual(direct.ask(b"CONFIG", b"SET", b"requirepass", b""), b"+OK\r\n")
        self.proxy.wait_up(closed)
        self.assertEqual(self.servers_of(20), {open_.port: 10, closed.port: 10})

    def test_a_server_that_accepts_but_never_answers_is_down(self):
        frozen, good = self.start([Redis(), Redis()], health=PING_CHECK)
        self.proxy.wait_up(frozen, good)
        kept = self.session()
        while kept.server() != frozen.port:
            kept = self.session()
        # Its kernel still accepts connections for it.
        frozen.process.send_signal(signal.SIGSTOP)
        try:
            self.proxy.wait_event("target_down", target=frozen.url)
            self.assertEqual(self.servers_of(10), {good.port: 10})
        finally:
            frozen.process.send_signal(signal.SIGCONT)
        self.proxy.wait_event("target_up", 2, target=frozen.url)
        self.assertEqual(kept.server(), frozen.port)  # nobody cut the session meanwhile
        self.assertEqual(self.servers_of(20)[frozen.port], 10)


if __name__ == "__main__":
    harness.main()
