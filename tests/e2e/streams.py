"""What the tests of tcp ports share: much data with its SHA-256, and a proxy in front of a scripted target."""

import hashlib
import os

from backends import Backend
from client import Client
from harness import E2eTest, Proxy, port_of, spec_of
from processes import open_sockets

MIB = 1 << 20
SIZE = 100 * MIB
BLOCK = os.urandom(MIB + 13)  # a length that no buffer divides


def send_much(sock, size=SIZE):
    """Sends `size` bytes; their SHA-256."""
    digest = hashlib.sha256()
    left = size
    while left:
        block = BLOCK[:left]
        sock.sendall(block)
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def read_much(sock):
    """Reads to the FIN: (bytes, SHA-256). ConnectionResetError when there is none."""
    digest = hashlib.sha256()
    count = 0
    while data := sock.recv(256 * 1024):
        digest.update(data)
        count += len(data)
    return count, digest.hexdigest()


class TcpTest(E2eTest):
    def start(self, script, **options):
        self.results = []
        self.backend = self.using(Backend(script))
        self.proxy = self.using(Proxy(spec_of(port_of([f"tcp://127.0.0.1:{self.backend.port}"], key="tcp",
                                                      **options)), workers=2))
        self.sockets_before = open_sockets(self.proxy.pid)
        self.addCleanup(self.check_aftermath)

    def check_aftermath(self):
        self.eventually(lambda: open_sockets(self.proxy.pid) <= self.sockets_before, "no connection is left")

    def client(self, **options):
        return self.using(Client(self.proxy.port, **options))

    def result(self):
        """What the script had to say."""
        self.eventually(lambda: self.results, "the target has seen the end", limit=60)
        return self.results[0]
