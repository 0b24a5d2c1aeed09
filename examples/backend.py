#!/usr/bin/env python3
"""A tiny HTTP backend: answers every path with its name, and /healthz with "ok".

usage: backend.py NAME PORT [SECONDS each answer takes]
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    wbufsize = -1  # head and body leave in one write
    disable_nagle_algorithm = True
    name = ""
    delay = 0.0

    def do_GET(self):
        healthy = self.path == "/healthz"
        if not healthy:
            time.sleep(self.delay)
        body = ("ok" if healthy else self.name).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    Backend.name = sys.argv[1]
    if len(sys.argv) == 4:
        Backend.delay = float(sys.argv[3])
    try:
        Server(("127.0.0.1", int(sys.argv[2])), Backend).serve_forever()
    except OSError as error:
        sys.exit(f"backend {Backend.name}: port {sys.argv[2]}: {error.strerror}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
