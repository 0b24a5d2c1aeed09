"""Targets that greet whoever is connected to them, and clients that see whether they were: served, kept waiting,
or refused with RST."""

import contextlib
import select
import socket

from backends import Backend
from client import LOOPBACK, Client
from harness import E2eTest, Proxy, port_of, spec_of

GREETING = b"hello"


PLEASE_RESET = b"reset"


def greet(peer):
    peer.send(GREETING)
    while peer.more():
        if peer.buffer == PLEASE_RESET:
            return peer.reset()


def open_connections(backend):
    return sum(1 for peer in backend.peers if peer.socket.fileno() >= 0)


def url_of(backend):
    return f"tcp://{LOOPBACK}:{backend.port}"


class GreeterTest(E2eTest):
    """A proxy in front of greeters. One worker accepts clients in the order in which they came: when one has been
    refused, all before it have been seen."""

    def start(self, *targets, workers=1, script=greet, **options):
        """Targets are backends or URLs; one greeter when there is none."""
        if not targets:
            self.backend = self.using(Backend(script))
            targets = [self.backend]
        urls = [target if isinstance(target, str) else url_of(target) for target in targets]
        spec = spec_of(port_of(urls, key="tcp", accessLog=True, **options))
        self.proxy = self.using(Proxy(spec, workers=workers))
        return self.proxy

    def connect(self, **options):
        return self.using(Client(self.proxy.port, **options))

    def served(self, **options):
        client = self.connect(**options)
        self.assertEqual(client.read_exactly(len(GREETING)), GREETING)
        return client

    def try_served(self):
        """A served client, or None when it was refused."""
        try:
            client = self.using(Client(self.proxy.port))
        except ConnectionResetError:
            return None  # before connect() has returned
        if client.more():
            self.assertEqual(client.read_exactly(len(GREETING)), GREETING)
            return client
        self.assertTrue(client.was_reset, "refused with FIN")
        client.close()
        return None

    def assert_reset(self, client):
        """Nothing came, and then RST."""
        self.assertEqual(client.read_to_end(), b"")
        self.assertTrue(client.was_reset, "it ended with FIN")

    def assert_refused(self, **options):
        # The RST may come before connect() has returned, which then says so.
        with contextlib.suppress(ConnectionResetError), Client(self.proxy.port, **options) as client:
            self.assert_reset(client)

    def next_greeted(self, clients):
        """The one that has been greeted, of those that wait; that it is no more than one."""
        ready, _, _ = select.select([client.socket for client in clients], [], [], 20)
        self.assertEqual(len(ready), 1)
        client = next(client for client in clients if client.socket is ready[0])
        self.assertEqual(client.read_exactly(len(GREETING)), GREETING)
        return client

    def assert_waiting(self, *clients):
        """They hear nothing: neither greeting, nor RST. Only what has been seen before makes it a fact."""
        ready, _, _ = select.select([client.socket for client in clients], [], [], 0)
        self.assertEqual(ready, [])

    def line_of(self, name):
        """The access line of the client with this address, as getsockname() tells it."""
        text = f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
        return self.proxy.wait_event("access", client=text)[0]


def name_of(client):
    return client.socket.getsockname()


def free_range(count):
    """The first of `count` TCP ports in a row, with a free one on either side."""
    for first in range(20_001, 32_000, count + 2):
        with contextlib.ExitStack() as opened:
            try:
                for port in range(first - 1, first + count + 1):
                    opened.enter_context(socket.socket()).bind((LOOPBACK, port))
                return first
            except OSError:
                pass
    raise AssertionError(f"no {count} ports in a row are free")
