#!/usr/bin/env python3
"""A target on Python's http.server, which reads bodies as naively as many programs do: int() for a length, a
"chunked" anywhere for chunks, lines that end at LF.

usage: backend.py LOG [--behind-nginx]

Answers each request with what it understood, as JSON in X-Seen and in the body, and adds that to LOG. Behind
nginx it tells what nginx understood instead. Prints its port when it is ready.
"""

import hashlib
import itertools
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # a connection that was reset: the log has what matters


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    log_file = -1
    behind_nginx = False
    numbers = itertools.count(1)

    def setup(self):
        super().setup()
        self.connection_number = next(self.numbers)
        self.sequence = 0
        self.complained = False

    def log_message(self, *_):
        pass

    def record(self, **line):
        os.write(self.log_file, (json.dumps(line) + "\n").encode())

    def parse_request(self):
        self.sequence += 1
        right = super().parse_request()
        if not right and not self.complained:
            self.send_error(400)
        return right

    def send_error(self, code, *args, **more):
        self.complained = True
        self.record(kind="malformed", detail=f"{code} for {self.raw_requestline!r}")
        super().send_error(code, *args, **more)

    def handle_expect_100(self):
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def read_chunks(self):
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            if size == 0:
                while self.rfile.readline().strip():
                    pass
                return body
            body += self.rfile.read(size)
            self.rfile.readline()

    def read_body(self):
        """(framing, body, whether all of it came)"""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            try:
                return "chunked", self.read_chunks(), True
            except (ValueError, OSError):
                return "chunked", b"", False
        if "Content-Length" not in self.headers:
            return "none", b"", True
        try:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            return "length", body, len(body) == length
        except (ValueError, OSError):
            return "length", b"", False

    def serve(self):
        # `path` has been tidied up; the target is in the line.
        method, target, host = self.command, self.requestline.split()[1], self.headers.get("Host", "")
        connection, sequence = self.connection_number, self.sequence
        framing, body, complete = self.read_body()
        if self.behind_nginx:
            seen = self.headers
            method, target, host = seen["X-Seen-Method"], seen["X-Seen-Target"], seen.get("X-Seen-Host", "")
            connection, sequence = int(seen["X-Seen-Connection"]), int(seen["X-Seen-Sequence"])
            framing = "chunked" if "X-Seen-Coding" in seen else "length" if "X-Seen-Length" in seen else "none"
        line = {"method": method, "target": target, "host": host, "framing": framing, "length": len(body),
                "sha256": hashlib.sha256(body).hexdigest(), "connection": connection, "sequence": sequence}
        self.record(kind="request", complete=complete, **line)
        if not complete:
            self.close_connection = True
            return
        text = json.dumps(line)
        self.send_response_only(200)
        self.send_header("X-Seen", text)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if method != "HEAD":
            self.wfile.write(text.encode())


def main():
    Handler.log_file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    Handler.behind_nginx = "--behind-nginx" in sys.argv[2:]
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
