"""Runs the evenkeel command as a user does, and watches it.

EVENKEEL_BIN is the command; EVENKEEL_E2E_FULL=1 runs the tests at their full sizes.
"""

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest

from backends import Backend
from client import Client
from processes import end_process, free_port, open_files, rss_bytes, wait_for

FULL = os.environ.get("EVENKEEL_E2E_FULL") == "1"
BINARY = os.environ.get("EVENKEEL_BIN", "")
SANITIZER_REPORT = re.compile(r"(Address|Leak|Thread|Memory)Sanitizer|runtime error:|Assertion .* failed")

NO_CHECKS = False
FAST_CHECKS = {"type": "tcp", "interval": "100ms", "timeout": "1s", "rise": 2, "fall": 2}
NO_EJECTION = False


@functools.cache
def is_sanitized():
    """Memory means nothing in a build with a sanitizer."""
    with open(BINARY, "rb") as binary:
        data = binary.read()
    return b"__asan_init" in data or b"__tsan_init" in data


def port_of(targets, port=None, *, key="http", health=None, **options):
    """One port of a spec: its number, its key and its value. Checks are off unless asked for."""
    number = port or free_port()
    value = {"targets": [t if isinstance(t, (str, dict)) else t.url for t in targets],
             "health": health or NO_CHECKS, **options}
    return number, f"{number}/{key}", value


def spec_of(*ports, **options):
    return {"proxies": {"e2e": {"ports": {key: value for _, key, value in ports}}}, **options}


class Lines:
    """Collects the lines of a pipe in a thread; the JSON ones also as objects."""

    def __init__(self, pipe):
        self.text = []
        self.objects = []
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        with pipe:
            for raw in pipe:
                line = raw.decode("utf-8", "replace").rstrip("\n")
                self.text.append(line)
                if line.startswith("{"):
                    try:
                        self.objects.append(json.loads(line))
                    except ValueError:
                        pass

    def join(self):
        self._thread.join(10)


# Becomes its command, with descriptors from 3 on, as sd_listen_fds(3) says. Copies first: 3 may be one of them.
HAND_OVER = """
import fcntl, os, sys
copies = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 100) for each in sys.argv[1].split(",")]
for number, copy in enumerate(copies, 3):
    os.dup2(copy, number)
    os.close(copy)
os.environ.update(LISTEN_FDS=str(len(copies)), LISTEN_PID=os.environ.get("LISTEN_PID", str(os.getpid())))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Proxy:
    """`evenkeel run` on a spec in a file of its own."""

    def __init__(self, spec, *args, ready=True, workers=1, env=None, sockets=(), piped=False):
        handle, self.spec_path = tempfile.mkstemp(prefix="evenkeel-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(spec if isinstance(spec, str) else json.dumps(spec, indent=2))
        self.ports = []
        if not isinstance(spec, str):
            for proxy in spec["proxies"].values():
                self.ports += [int(re.match(r"\d+", key)[0]) for key in proxy["ports"]]
        command = [BINARY, "run", "-" if piped else self.spec_path, "--log-format", "json", "--workers", str(workers), *args]
        descriptors = [each.fileno() for each in sockets]
        if sockets:
            command = [sys.executable, "-c", HAND_OVER, ",".join(map(str, descriptors)), *command]
        with open(self.spec_path if piped else os.devnull, "rb") as given:
            self.process = subprocess.Popen(
                command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, **(env or {})}, pass_fds=descriptors)
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)
        self.code = None
        if ready:
            try:
                # The port may accept before every worker listens; the log says when all do.
                self.wait_event("ready")
            except AssertionError:
                self.kill()
                raise

    @property
    def port(self):
        return self.ports[0]

    @property
    def pid(self):
        return self.process.pid

    def events(self, name):
        return [line for line in [*self.err.objects, *self.out.objects] if line.get("event") == name]

    def wait_event(self, name, /, count=1, limit=20.0, **fields):
        def seen():
            if not self.events(name) and self.process.poll() is not None:
                raise AssertionError(f"exited with {self.process.returncode} before {name}")
            found = [line for line in self.events(name) if all(line.get(k) == v for k, v in fields.items())]
            return found if len(found) >= count else None

        return wait_for(seen, f"{count} log lines {name} {fields}", limit)

    def wait_up(self, *targets):
        for target in targets:
            self.wait_event("target_up", target=target if isinstance(target, str) else target.url)

    def access(self):
        return self.events("access")

    def open_files(self):
        return open_files(self.pid)

    def rss(self):
        return rss_bytes(self.pid)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit=20.0):
        self.code = self.process.wait(limit)
        self.out.join()
        self.err.join()
        return self.code

    def stop(self, expect=(0,)):
        """SIGTERM; its exit code must be expected and no sanitizer may have complained."""
        if self.code is None:
            self.code = end_process(self.process, 40)
            self.out.join()
            self.err.join()
        self.discard()
        text = "\n".join(self.err.text)
        if SANITIZER_REPORT.search(text):
            raise AssertionError("sanitizer report:\n" + text[-20_000:])
        if self.code not in expect:
            raise AssertionError(f"exit code {self.code}, expected {expect}:\n" + text[-4_000:])
        return self.code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        self.discard()
        for line in self.err.text[-40:]:
            print("  evenkeel:", line, file=sys.stderr)

    def discard(self):
        if os.path.exists(self.spec_path):
            os.unlink(self.spec_path)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.kill()  # the test has failed already: show the log instead of judging the exit
        else:
            # Clients that a test left open are cut when the drain ends.
            self.stop(expect=(0, 5))


def run_command(*args, limit=30.0):
    """The command with these arguments, to its end: (exit code, stdout, stderr)."""
    done = subprocess.run([BINARY, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class E2eTest(unittest.TestCase):
    """Closes what a test opened, whatever happens, in the reverse order."""

    maxDiff = None

    def using(self, resource):
        return self.enterContext(resource)

    def eventually(self, condition, what="condition", limit=20.0):
        return wait_for(condition, what, limit)


class OneTarget(E2eTest):
    """A proxy in front of one scripted target."""

    def start(self, script=None, **options):
        self.backend = self.using(Backend(script))
        self.proxy = self.using(Proxy(spec_of(port_of([self.backend], **options))))
        return self.proxy

    def client(self):
        return self.using(Client(self.proxy.port))

    def last(self):
        return self.backend.requests[-1]


def main():
    if not BINARY:
        sys.exit("EVENKEEL_BIN is not set")
    unittest.main(module="__main__", verbosity=2, buffer=False)
