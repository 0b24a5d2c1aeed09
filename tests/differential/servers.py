"""The targets: real servers, each of which writes down every request that it understood.

A record is a dict: kind "request" with method, target, host, framing, length, sha256, connection, sequence (of
the request on that connection) and complete (its whole body came), or kind "malformed" with a detail: bytes
that the server refused.
"""

import json
import os
import re
import shutil
import subprocess
import sys

from processes import LOOPBACK, end_process, free_port, wait_for_port

HERE = os.path.dirname(os.path.abspath(__file__))


class Missing(Exception):
    """The program that this target needs is not installed."""


def tool(name, *places):
    found = shutil.which(name) or next((place for place in places if os.access(place, os.X_OK)), None)
    if not found:
        raise Missing(f"{name} is not installed")
    return found


class Target:
    """A server of ours, which prints its port."""

    name = ""

    def __init__(self, directory):
        self.log = os.path.join(directory, f"{self.name}.log")
        self.errors = os.path.join(directory, f"{self.name}.errors")
        command = self.command(directory)
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        line = self.process.stdout.readline()
        if not line.strip():
            self.close()
            raise AssertionError(f"{self.name} did not start:\n{read_text(self.errors)}")
        self.port = int(line)

    def command(self, directory):
        raise NotImplementedError

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.port}"

    def records(self):
        return read_lines(self.log)

    def close(self):
        if self.process.poll() is None:
            end_process(self.process)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Python(Target):
    name = "python"

    def command(self, directory):
        return [sys.executable, "-B", os.path.join(HERE, "backend.py"), self.log]


class Node(Target):
    name = "node"

    def command(self, directory):
        return [tool("node"), os.path.join(HERE, "backend.js"), self.log]


class Go(Target):
    name = "go"

    def command(self, directory):
        go = tool("go")
        program = os.path.join(directory, "backend")
        # Without a net to ask, and without a trace outside of the directory. Newer releases of Go compile
        # their own library on the first use; a cache that is kept spares that the next time.
        environment = {**os.environ, "GOCACHE": os.environ.get("EVENKEEL_GO_CACHE") or os.path.join(directory, "go"),
                       "GOPATH": os.path.join(directory, "gopath"), "GO111MODULE": "off", "GOFLAGS": "",
                       "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOENV": "off", "GOTELEMETRY": "off",
                       "CGO_ENABLED": "0"}
        built = subprocess.run([go, "build", "-o", program, os.path.join(HERE, "backend.go")], env=environment,
                               cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if built.returncode != 0:
            raise AssertionError("backend.go does not build:\n" + built.stderr.decode("utf-8", "replace"))
        return [program, self.log]


NGINX_CONFIG = """
daemon off; master_process off; pid {prefix}/nginx.pid; error_log {prefix}/error.log info;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi; uwsgi_temp_path {prefix}/uwsgi; scgi_temp_path {prefix}/scgi;
  client_max_body_size 0; keepalive_requests 1000000; keepalive_timeout 1h; large_client_header_buffers 8 64k;
  log_format seen escape=json '{{"status":"$status","method":"$request_method","target":"$request_uri",'
    '"connection":$connection,"sequence":$connection_requests,"line":"$request"}}';
  access_log {prefix}/access.log seen;
  upstream recorder {{ server 127.0.0.1:{recorder}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      rewrite ^ /seen break; proxy_pass http://recorder; proxy_http_version 1.1; proxy_pass_request_headers off;
      proxy_ignore_client_abort on;
      proxy_set_header Connection ""; proxy_set_header X-Seen-Method $request_method;
      proxy_set_header X-Seen-Target $request_uri; proxy_set_header X-Seen-Host $http_host;
      proxy_set_header X-Seen-Length $http_content_length; proxy_set_header X-Seen-Coding $http_transfer_encoding;
      proxy_set_header X-Seen-Connection $connection; proxy_set_header X-Seen-Sequence $connection_requests;
    }}
  }}
}}
"""


class Recorder(Python):
    name = "recorder"

    def command(self, directory):
        return [*super().command(directory), "--behind-nginx"]


class Nginx:
    """nginx reads a request and its body to the end and hands both to a recorder, with what it took them for.

    It cannot hash a body itself. In its own log are the requests that it did not hand on.
    """

    name = "nginx"

    def __init__(self, directory):
        binary = tool("nginx", "/usr/sbin/nginx")
        self.prefix = directory
        self.port = free_port()
        self.recorder = Recorder(directory)
        try:
            with open(f"{directory}/nginx.conf", "w", encoding="ascii") as config:
                config.write(NGINX_CONFIG.format(prefix=directory, port=self.port, recorder=self.recorder.port))
            self.process = subprocess.Popen(
                [binary, "-p", directory, "-e", f"{directory}/error.log", "-c", f"{directory}/nginx.conf"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for_port(self.port, self.process)
        except BaseException:
            self.close()
            raise

    @property
    def url(self):
        return f"http://{LOOPBACK}:{self.port}"

    def records(self):
        records = self.recorder.records()
        recorded = len(records)
        answered = 0
        for line in read_lines(f"{self.prefix}/access.log"):
            if line["status"] == "200":
                answered += 1
            else:
                records.append({"kind": "request", "complete": False, "line": line["line"], "target": line["target"],
                                "status": line["status"]})
        if answered != recorded:
            records.append({"kind": "malformed", "detail": f"of {answered} requests the recorder saw {recorded}"})
        for text in read_text(f"{self.prefix}/error.log").split("\n"):
            # nginx leaves out a field whose name it does not like, and reads on.
            if re.search(r"client sent (?!invalid header line)|\[(error|crit|alert|emerg)\]", text):
                records.append({"kind": "malformed", "detail": text})
        return records

    def close(self):
        process = getattr(self, "process", None)
        try:
            if process is not None and process.poll() is None:
                end_process(process)
        finally:
            self.recorder.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def read_text(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        return file.read()


def read_lines(path):
    """The objects in it, one a line. Only LF ends one: requests can have other ends in them."""
    return [json.loads(line) for line in read_text(path).split("\n") if line]


ALL = (Nginx, Node, Python, Go)
