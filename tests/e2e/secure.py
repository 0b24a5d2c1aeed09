"""Both ends of TLS, over sockets that the tests hold: what goes over the wire, and how it ends, is theirs to say."""

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

from backends import Backend, Peer
from client import Client
from harness import run_command

NAME = "localhost"
EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments, stdin=b"", limit=30):
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, timeout=limit, check=False)


class Certificates:
    """A directory of pairs (paths of certificate and key); make one in setUpClass."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="evenkeel-")

    def close(self):
        shutil.rmtree(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def path(self, name):
        return os.path.join(self.directory, name)

    def self_signed(self, *names):
        out = tempfile.mkdtemp(dir=self.directory)
        code, _, err = run_command("cert", "--self-signed", *names, "--out", out, "--days", "30")
        assert code == 0, err
        return os.path.join(out, f"{names[0]}.pem"), os.path.join(out, f"{names[0]}.key")

    def authority(self, name):
        pair = self.path(f"{name}.pem"), self.path(f"{name}.key")
        self._run("req", "-x509", *EC_KEY, "-subj", f"/CN={name}", "-days", "30", "-keyout", pair[1], "-out", pair[0])
        return pair

    def signed(self, name, authority, days=30):
        """For the name, by the authority; with `days` below 0 it has expired."""
        out = tempfile.mkdtemp(dir=self.directory)
        pair = os.path.join(out, "certificate.pem"), os.path.join(out, "key.pem")
        request, names = os.path.join(out, "request.pem"), os.path.join(out, "names")
        with open(names, "w", encoding="ascii") as file:
            file.write(f"subjectAltName=DNS:{name}\n")
        self._run("req", *EC_KEY, "-subj", f"/CN={name}", "-keyout", pair[1], "-out", request)
        self._run("x509", "-req", "-in", request, "-CA", authority[0], "-CAkey", authority[1], "-CAcreateserial",
                  "-days", str(days), "-extfile", names, "-out", pair[0])
        return pair

    @staticmethod
    def _run(*arguments):
        done = openssl(*arguments)
        assert done.returncode == 0, done.stderr


def settings(*pairs, **more):
    """The "tls" of a spec."""
    return {"certificates": [{"certificate": certificate, "key": key} for certificate, key in pairs], **more}


def trusting(*certificates, version=None):
    context = ssl.create_default_context()
    for certificate in certificates:
        context.load_verify_locations(certificate)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def showing(pair, version=None):
    """What a target shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


class Cut(ConnectionResetError):
    """The stream ended without the peer's close_notify."""


class TlsSocket:
    """Looks like a socket. Unlike Python's own it can end one direction, end without a word, and be used by a reader
    and a writer at once."""

    def __init__(self, sock, context, server=False, name=NAME, session=None):
        self.socket = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server,
                                    server_hostname=None if server else name, session=session)
        self.lock = threading.RLock()
        self.says_end = True
        self.ended = False  # our direction
        self.unsent = b""  # of what send() has encrypted

    def __getattr__(self, name):
        return getattr(self.socket, name)

    def handshake(self):
        while True:
            try:
                self.tls.do_handshake()
                return self.flush()
            except ssl.SSLWantReadError:
                self.flush()
                self.pull()
            except ssl.SSLError:
                self.flush()  # the alert
                raise

    def flush(self):
        with self.lock:
            data = self.outgoing.read()
            if data:
                self.socket.sendall(data)

    def pull(self):
        data = self.socket.recv(1 << 18)
        with self.lock:
            if data:
                self.incoming.write(data)
            else:
                self.incoming.write_eof()

    def recv(self, size):
        while True:
            try:
                with self.lock:
                    return self.tls.read(size)
            except ssl.SSLWantReadError:
                self.pull()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError:
                raise Cut from None

    def sendall(self, data):
        with self.lock:
            self.tls.write(data)
            records = self.outgoing.read()
        self.socket.sendall(records)

    def send(self, data):
        """Some of it, as sockets do. After a time-out the same data must come again."""
        piece = data[:1 << 18]
        if not self.unsent:
            self.unsent = self.records_of(piece)
        while self.unsent:
            self.unsent = self.unsent[self.socket.send(self.unsent):]
        return len(piece)

    def records_of(self, data):
        """What would go over the wire."""
        with self.lock:
            if data:
                self.tls.write(data)
            return self.outgoing.read()

    def say_end(self):
        """close_notify, and no FIN behind it."""
        with self.lock:
            if self.ended:
                return
            self.ended = True
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass  # it wants to see the peer's, too
        self.flush()

    def shutdown(self, how):
        if how == socket.SHUT_WR and self.says_end:
            self.say_end()
        self.socket.shutdown(how)

    def setsockopt(self, *arguments):
        if arguments[1] == socket.SO_LINGER:
            self.says_end = False  # a reset is no announced end
        self.socket.setsockopt(*arguments)

    def close(self):
        if self.says_end and self.socket.fileno() >= 0:
            try:
                self.say_end()
            except (OSError, ValueError):
                pass
        self.socket.close()


class TlsClient(Client):
    """Requests inside of TLS; `name` is asked for and checked."""

    def __init__(self, port, context, name=NAME, session=None, **options):
        super().__init__(port, **options)
        self.socket = TlsSocket(self.socket, context, name=name, session=session)
        try:
            self.socket.handshake()
        except OSError:
            self.socket.socket.close()
            raise

    def shown(self):
        return self.socket.tls.getpeercert(binary_form=True)


def get_tls(port, context, target="/", **options):
    """One GET on a connection of its own."""
    with TlsClient(port, context, **options) as client:
        return client.request("GET", target, [("Connection", "close")])


class TlsBackend(Backend):
    """Shakes hands before the script runs."""

    def __init__(self, context, script=None, name=NAME, **options):
        self.context = context
        self.name = name
        self.handshakes = []  # of each, whether it was resumed; None: it failed
        super().__init__(script, **options)

    @property
    def url(self):
        return f"https://{self.name}:{self.port}"

    def _run(self, peer: Peer):
        peer.socket = TlsSocket(peer.socket, self.context, server=True)
        try:
            peer.socket.handshake()
        except OSError:
            self.handshakes.append(None)
            peer.socket.socket.close()
            return
        self.handshakes.append(peer.socket.tls.session_reused)
        super()._run(peer)
