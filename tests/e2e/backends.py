"""Targets to balance over: a scripted one that can misbehave in every way, and real nginx."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading

from client import LOOPBACK, TIMEOUT
from processes import end_process, free_port, wait_for, wait_for_port


class Request:
    def __init__(self, line, fields, raw):
        self.method, self.target, self.version = line.split(" ")
        self.fields = fields
        self.body = b""
        self.raw_head = raw

    def all(self, name):
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name, default=None):
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else default


class Peer:
    """One accepted connection, handed to the script."""

    def __init__(self, backend, connection):
        self.backend = backend
        self.socket = connection
        self.buffer = b""
        self.received = bytearray()  # every byte, for tests that say none may come
        self.served = 0

    def more(self):
        try:
            data = self.socket.recv(65536)
        except OSError:
            return False
        self.received += data
        self.buffer += data
        return bool(data)

    def read_head(self):
        """A request without its body; None when the connection ends first."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        line, *rest = head.decode("latin-1").split("\r\n")
        fields = [(f.partition(":")[0].lower(), f.partition(":")[2].strip()) for f in rest]
        request = Request(line, fields, head)
        self.served += 1
        with self.backend.lock:
            self.backend.requests.append(request)
        return request

    def read_request(self):
        """A request with its body; None when the connection ends first."""
        request = self.read_head()
        if request is None or not self.read_body(request):
            return None
        return request

    def read_exactly(self, count):
        while len(self.buffer) < count:
            if not self.more():
                return None
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_body(self, request):
        if request.get("transfer-encoding") == "chunked":
            while True:
                while b"\r\n" not in self.buffer:
                    if not self.more():
                        return False
                line, self.buffer = self.buffer.split(b"\r\n", 1)
                size = int(line, 16)
                data = self.read_exactly(size + 2)
                if data is None:
                    return False
                assert data[-2:] == b"\r\n", data[-20:]
                if size == 0:
                    return True
                request.body += data[:-2]
        length = int(request.get("content-length", "0"))
        data = self.read_exactly(length)
        if data is None:
            return False
        request.body = data
        return True

    def send(self, data):
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def answer(self, body=b"", status="200 OK", fields=()):
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in fields]
        return self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def wait_closed(self):
        """Until the proxy closes or resets; what it sends meanwhile is kept in `received`."""
        while self.more():
            pass


def serve(body=b"ok", fields=()):
    """The well-behaved script: answers every request; a callable body gets the request."""

    def script(peer):
        while request := peer.read_request():
            peer.answer(body(request) if callable(body) else body, fields=fields)

    return script


def hang(peer):
    peer.read_head()
    peer.wait_closed()


def reset(peer):
    if peer.read_head():
        peer.reset()


def say(data, close=True):
    """Answers the first request with exactly these bytes."""

    def script(peer):
        if peer.read_request():
            peer.send(data)
            if not close:
                peer.wait_closed()

    return script


class Backend:
    """Listens on 127.0.0.1 (or a Unix socket, or ::1) and runs `script` in a thread a connection."""

    def __init__(self, script=None, unix_path=None, host=LOOPBACK, receive_buffer=None, port=None):
        self.script = script or serve()
        self.lock = threading.Lock()
        self.requests = []
        self.peers = []
        self.errors = []
        self.unix_path = unix_path
        self.host = host
        self.receive_buffer = receive_buffer
        self.port = port
        self.listener = None
        self.listen()

    def listen(self):
        if self.unix_path:
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.listener.bind(self.unix_path)
        else:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            self.listener = socket.socket(family, socket.SOCK_STREAM)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self.receive_buffer:
                self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
            self.listener.bind((self.host, self.port or 0))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(512)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    @property
    def url(self):
        if self.unix_path:
            return f"unix:{self.unix_path}"
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if not self.unix_path:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(self, connection)
            with self.lock:
                self.peers.append(peer)
            threading.Thread(target=self._run, args=(peer,), daemon=True).start()

    def _run(self, peer):
        try:
            self.script(peer)
        except OSError:
            pass
        except Exception as error:  # shown by the test that looks at `errors`
            self.errors.append(error)
        finally:
            peer.socket.close()

    def received(self):
        """Every byte of every connection."""
        with self.lock:
            return b"".join(bytes(peer.received) for peer in self.peers)

    def count(self):
        with self.lock:
            return len(self.requests)

    def refuse(self):
        """Stops listening and drops its connections; listen() brings it back on the same port."""
        if self.listener:
            # shutdown() wakes the accepting thread, which would hold the port until then.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        with self.lock:
            peers, self.peers = self.peers, []
        for peer in peers:
            try:
                peer.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    close = refuse

    def heal(self):
        """From now on it answers whoever connects."""
        self.script = serve()
        if self.listener is None:
            self.listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        if self.unix_path and os.path.exists(self.unix_path):
            os.unlink(self.unix_path)
        if self.errors:  # what a script found wrong
            raise self.errors[0]


class BlackHole(Backend):
    """Lets nobody in, as an address behind a firewall does, until open(): its accept queue is full, and
    Linux then drops each new SYN."""

    def listen(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.host, self.port or 0))
        self.port = self.listener.getsockname()[1]
        self.listener.listen(0)
        self.filler = socket.create_connection((self.host, self.port))
        self.opened = False

    def open(self):
        self.opened = True
        self.filler.close()
        self.listener.listen(512)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def heal(self):
        super().heal()
        if not self.opened:
            self.open()

    def __exit__(self, *_):
        self.filler.close()
        super().__exit__(*_)


NGINX_CONFIG = """
daemon off; worker_processes 1; pid {prefix}/nginx.pid; error_log {prefix}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi; uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;
  client_max_body_size 0; keepalive_requests 1000000; default_type text/plain;
  server {{
    listen 127.0.0.1:{port}; root {prefix}/html;
    location = /name {{ return 200 "{name}"; }}
    location = /healthz {{ return 200 "fine"; }}
    location = /gone {{ return 404; }}
    location /moved {{ return 302 /name; }}
  }}
}}
"""


class Nginx:
    """A real nginx with a prefix of its own. /name says which one it is; files come from html()."""

    def __init__(self, name="nginx", port=None):
        self.name = name
        self.port = port or free_port()
        self.prefix = tempfile.mkdtemp(prefix="evenkeel-nginx-")
        os.mkdir(f"{self.prefix}/html")
        os.chmod(self.prefix, 0o755)
        with open(f"{self.prefix}/nginx.conf", "w", encoding="ascii") as config:
            config.write(NGINX_CONFIG.format(prefix=self.prefix, port=self.port, name=name))
        self.process = None
        self.start()

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.port}"

    def start(self):
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            [binary, "-p", self.prefix, "-e", f"{self.prefix}/error.log", "-c", f"{self.prefix}/nginx.conf"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self.process)

    def html(self, path, data):
        with open(f"{self.prefix}/html/{path}", "wb") as file:
            file.write(data)

    def kill(self):
        """At once, connections and all."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            workers = [int(pid) for pid in file.read().split()]
        self.process.kill()
        self.process.wait()
        for worker in workers:  # our own children's children; they do not outlive a killed master by themselves
            try:
                os.kill(worker, 9)
            except ProcessLookupError:
                pass

    def close(self):
        if self.process.poll() is None:
            end_process(self.process, TIMEOUT)
        shutil.rmtree(self.prefix, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


__all__ = ["Backend", "BlackHole", "Nginx", "Peer", "Request", "hang", "reset", "say", "serve", "wait_for"]
