"""DNS servers behind one port number, tcp and udp: clients stay with a server, move and return."""

import os
import socket
import struct
import subprocess

import harness
from client import LOOPBACK
from datagrams import free_port
from harness import E2eTest, Proxy, port_of, spec_of
from real_servers import Dnsmasq, program

TXT = 16
CLIENTS = 40


def question(name, identity=0, kind=TXT):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", identity, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def first_text(answer):
    """The first string of the first answer, a TXT record whose name is a pointer."""
    identity, flags, _, answers, _, _ = struct.unpack(">HHHHHH", answer[:12])
    assert flags & 0x800F == 0x8000 and answers == 1, answer
    end = answer.index(b"\0", 12) + 5
    length = answer[end + 12]
    return identity, answer[end + 13:end + 13 + length].decode()


CHECK = {"type": "udp", "send": {"hex": question("who.test", 0x1234).hex()}, "receive": "server-",
         "interval": "100ms", "timeout": "300ms", "rise": 2, "fall": 2}


class Resolver:
    """A client with an address and a port of its own."""

    def __init__(self, port, source=LOOPBACK):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.connect((LOOPBACK, port))
        self.socket.settimeout(2)
        self.identity = 0

    def send(self):
        self.identity += 1
        self.socket.send(question("who.test", self.identity))
        return self.identity

    def receive(self):
        return first_text(self.socket.recv(4096))

    def ask(self):
        """Which server answered. Nothing is asked again: TimeoutError when the datagram is lost."""
        want = self.send()
        identity, text = self.receive()
        assert identity == want, f"the answer to {identity} instead of {want}"
        return text

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class DnsTest(E2eTest):
    def start(self, workers=1, **options):
        self.servers = {name: self.using(Dnsmasq(name, free_port())) for name in ("server-1", "server-2")}
        self.number = free_port()
        udp = port_of(list(self.servers.values()), self.number, key="udp", **{"health": CHECK, **options})
        tcp = port_of([f"tcp://{LOOPBACK}:{server.port}" for server in self.servers.values()], self.number, key="tcp")
        self.proxy = self.using(Proxy(spec_of(udp, tcp), workers=workers))
        return self.proxy

    def resolvers(self, count):
        return [self.using(Resolver(self.number, f"127.0.1.{n + 1}")) for n in range(count)]

    def dig(self, *args):
        done = subprocess.run([program("dig", "bind9-dnsutils"), f"@{LOOPBACK}", "-p", str(self.number), "+noall",
                               "+answer", "+comments", "+tries=1", "+timeout=3", *args],
                              capture_output=True, timeout=30, check=False, text=True, env={**os.environ, "HOME": "/"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class Affinity(DnsTest):
    def start(self, workers=1, **options):
        super().start(workers, **options)
        self.proxy.wait_up(*self.servers.values())

    def test_a_client_address_stays_with_its_server(self):
        self.start(workers=2)
        names = [resolver.ask() for resolver in self.resolvers(CLIENTS)]
        self.assertEqual(set(names), set(self.servers))
        for _ in range(3):  # other ports of the same addresses
            self.assertEqual([resolver.ask() for resolver in self.resolvers(CLIENTS)], names)
        # dig has a port of its own as well.
        for number, name in enumerate(names[:8]):
            self.assertIn(f'"{name}"', self.dig("-b", f"127.0.1.{number + 1}", "who.test", "TXT"))

    def test_the_clients_of_a_killed_server_move_and_return(self):
        self.start(workers=2)
        clients = self.resolvers(CLIENTS)  # their sessions go on through all of it
        home = [client.ask() for client in clients]
        lost, other = home[0], next(name for name in self.servers if name != home[0])
        self.assertIn(other, home)

        self.servers[lost].kill()
        self.proxy.wait_event("target_down", target=self.servers[lost].url)
        for _ in range(3):
            self.assertEqual([client.ask() for client in clients], [other] * CLIENTS)

        self.servers[lost].start()
        self.proxy.wait_event("target_up", 2, target=self.servers[lost].url)
        self.eventually(lambda: [client.ask() for client in clients] == home, "all are where they were")


class SameNumber(DnsTest):
    def test_tcp_and_udp_with_the_same_number_both_answer(self):
        self.start()
        for _ in range(4):
            self.assertIn('"server-', self.dig("+notcp", "who.test", "TXT"))
            self.assertIn('"server-', self.dig("+tcp", "who.test", "TXT"))

    def test_an_answer_too_long_for_a_datagram_is_fetched_over_tcp(self):
        self.start()
        cut = self.dig("+ignore", "long.test", "TXT")
        self.assertRegex(cut, r"flags: [a-z ]*\btc\b")
        whole = self.dig("long.test", "TXT")
        self.assertNotRegex(whole, r"flags: [a-z ]*\btc\b")
        self.assertEqual(whole.count(Dnsmasq.LONG), 10)


class Replies(DnsTest):
    OPTIONS = {"timeouts": {"idle": "60s"}, "health": False}

    def ask_all(self, count):
        for resolver in self.resolvers(count):
            resolver.ask()

    def test_one_reply_a_question_ends_the_session(self):
        proxy = self.start(replies=1, accessLog=True, **self.OPTIONS)
        files_before = proxy.open_files()
        self.ask_all(20)
        self.eventually(lambda: proxy.open_files() <= files_before, "no session is left", limit=5)
        self.eventually(lambda: len(proxy.access()) >= 20, "an access-log line a session")

    def test_any_number_of_replies_keeps_it(self):
        proxy = self.start(**self.OPTIONS)
        files_before = proxy.open_files()
        self.ask_all(20)
        self.assertEqual(proxy.open_files(), files_before + 20)

    def test_questions_at_once_are_all_answered(self):
        proxy = self.start(replies=1, **self.OPTIONS)
        files_before = proxy.open_files()
        resolver, = self.resolvers(1)
        for _ in range(20):
            asked = {resolver.send() for _ in range(10)}
            self.assertEqual({resolver.receive()[0] for _ in range(10)}, asked)
        self.eventually(lambda: proxy.open_files() <= files_before, "no session is left", limit=5)


class Check(DnsTest):
    def test_a_server_with_another_answer_is_down(self):
        self.start(health={**CHECK, "receive": {"hex": b"server-2".hex()}})
        self.proxy.wait_event("target_down", target=self.servers["server-1"].url)
        self.proxy.wait_up(self.servers["server-2"])
        self.assertEqual({resolver.ask() for resolver in self.resolvers(CLIENTS)}, {"server-2"})


if __name__ == "__main__":
    harness.main()
