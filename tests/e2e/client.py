"""A strict HTTP/1.1 client over a raw socket: what the proxy says is checked byte by byte."""

import socket

LOOPBACK = "127.0.0.1"
TIMEOUT = 20


class BadResponse(Exception):
    """The bytes are not one well-formed HTTP/1.1 response."""


class Response:
    def __init__(self, status, reason, fields):
        self.status = status
        self.reason = reason
        self.fields = fields  # [(name in lower case, value)]
        self.body = b""
        self.interim = []  # the 1xx responses before it
        self.complete = True  # False: cut before its end
        self.closes = False  # nothing may follow on this connection
        self.trailers = []

    def all(self, name):
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name, default=None):
        found = self.all(name)
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else default

    def has_token(self, name, token):
        return token in [part.strip().lower() for value in self.all(name) for part in value.split(",")]


class Client:
    """One connection. Requests one after the other, or raw bytes with send() and read_response()."""

    def __init__(self, port, host=LOOPBACK, timeout=TIMEOUT, receive_buffer=None, source=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        try:
            self.socket.connect((host, port))
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""
        self.ended = False
        self.was_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    # --- reading ---
    def more(self):
        if self.ended:
            return False
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data, self.was_reset = b"", True
        if not data:
            self.ended = True
            return False
        self.buffer += data
        return True

    def read_exactly(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise EOFError(f"wanted {count} bytes, got {len(self.buffer)}")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_line(self):
        while b"\r\n" not in self.buffer:
            if not self.more():
                raise EOFError("connection closed within a line: %r" % self.buffer)
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        if b"\n" in line or b"\r" in line:
            raise BadResponse("bare CR or LF in %r" % line)
        return line

    def at_end(self):
        """True when the peer has closed and nothing is left to read."""
        return not self.buffer and not self.more()

    def read_to_end(self):
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def _read_fields(self):
        fields = []
        while line := self.read_line():
            name, colon, value = line.partition(b":")
            if not colon or not name or name.strip() != name:
                raise BadResponse("bad field line %r" % line)
            fields.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
        return fields

    def _read_head(self):
        line = self.read_line()
        parts = line.split(b" ", 2)
        if parts[0] != b"HTTP/1.1" or len(parts) < 3 or len(parts[1]) != 3 or not parts[1].isdigit():
            raise BadResponse("bad status line %r" % line)
        return Response(int(parts[1]), parts[2].decode("latin-1"), self._read_fields())

    def read_response(self, method="GET", body=True):
        """The next final response. EOFError when the connection ends before its head."""
        interim = []
        response = self._read_head()
        while response.status < 200 and response.status != 101:
            if response.all("content-length") or response.all("transfer-encoding"):
                raise BadResponse("interim response with a body")
            interim.append(response)
            response = self._read_head()
        response.interim = interim
        if body:
            self.read_body(response, method)
        return response

    def read_body(self, response, method):
        length = response.all("content-length")
        coding = response.all("transfer-encoding")
        if len(length) > 1 or len(coding) > 1 or (length and coding):
            raise BadResponse("ambiguous framing: %r %r" % (length, coding))
        response.closes = response.has_token("connection", "close")
        if method == "HEAD" or response.status in (101, 204, 304):
            if response.status == 204 and (length or coding):
                raise BadResponse("204 with a framing field")
            return
        try:
            if coding:
                if coding[0] != "chunked":
                    raise BadResponse("coding %r" % coding[0])
                self._read_chunks(response)
            elif length:
                wanted = int(length[0])
                while len(self.buffer) < wanted and self.more():
                    pass
                response.body, self.buffer = self.buffer[:wanted], self.buffer[wanted:]
                response.complete = len(response.body) == wanted
            else:
                response.body = self.read_to_end()
                response.complete = not self.was_reset
                response.closes = True
        except EOFError:
            response.complete = False

    def _read_chunks(self, response):
        while True:
            line = self.read_line()
            if not line or any(c not in b"0123456789abcdefABCDEF" for c in line):
                raise BadResponse("bad chunk size %r" % line)
            size = int(line, 16)
            if size == 0:
                response.trailers = self._read_fields()
                return
            response.body += self.read_exactly(size)
            if self.read_exactly(2) != b"\r\n":
                raise BadResponse("chunk without its CRLF")

    # --- whole requests ---
    def send_request(self, method="GET", target="/", fields=(), body=None, host="test.example", version="1.1"):
        lines = [f"{method} {target} HTTP/{version}"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b""))

    def request(self, method="GET", target="/", fields=(), body=None, **more):
        self.send_request(method, target, fields, body, **more)
        return self.read_response(method)


class UnixConnection(Client):
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.buffer = b""
        self.ended = False
        self.was_reset = False


def get(port, target="/", fields=(), **more):
    """One GET on a connection of its own."""
    with Client(port) as client:
        return client.request("GET", target, [("Connection", "close"), *fields], **more)


def raw_request(port, data, half_close=False, host=LOOPBACK):
    """Sends bytes and reads all that comes back until the proxy closes."""
    with Client(port, host) as client:
        try:
            client.send(data)
            if half_close:
                client.half_close()
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before everything was sent: the answer is what counts
        return client.read_to_end()
