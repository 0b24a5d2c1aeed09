"""What every acceptance case shares: a proxy in front of scripted targets, and what must hold after it.

The cases are numbered. A test of case 7 is called test_case_07_...; several tests may share a number.
"""

from backends import Backend
from client import Client, get
from harness import NO_EJECTION, E2eTest, Proxy, is_sanitized, port_of, spec_of
from processes import peak_rss_bytes

MIB = 1 << 20
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FRESH = "/fresh"

# Idle connections to targets go soon, so that a case needs not wait long for the last descriptor. The
# cases that use a connection again have the time they need.
SOON_IDLE = {"idle": "300ms"}
KEPT_IDLE = {"idle": "2s"}
# For the cases after which no connection may be left: one that was pooled by mistake stays, and is seen.
NEVER_IDLE = {"idle": "10m"}


class AcceptanceCase(E2eTest):
    """start() takes the baseline. When the test is over and its clients are closed:

    the process lives, each request has exactly one access-log line, descriptors are back at the baseline,
    memory never grew by more than `memory_growth`, a fresh GET gets 200, and the process stops with code
    0 and without a report of a sanitizer.
    """

    memory_growth = MIB
    pooled_pipes = 0  # a long body is spliced through a pipe, which is kept: two descriptors

    def start(self, *targets, requests, arguments=(), env=None, document=None, **options):
        """Targets are scripts, backends or URLs; `requests` is how many the case sends, each to be logged."""
        self.targets = [self.using(Backend(target)) if callable(target) else target for target in targets]
        self.backends = [target for target in self.targets if isinstance(target, Backend)]
        self.backend = self.backends[0] if self.backends else None
        options = {"accessLog": True, "outlier": NO_EJECTION, "upstream": SOON_IDLE, **options}
        spec = spec_of(port_of(self.targets, **options), **(document or {}))
        self.proxy = self.using(Proxy(spec, *arguments, env=env))
        self.requests = requests
        self.files_before = self.proxy.open_files()
        self.memory_before = peak_rss_bytes(self.proxy.pid)
        # Runs before what was opened above is closed, and after what the test opens from here on is.
        self.addCleanup(self.check_aftermath)
        return self.proxy

    def client(self, **options):
        return self.using(Client(self.proxy.port, **options))

    def lines(self):
        """The access-log lines of the case itself."""
        return [line for line in self.proxy.access() if line.get("uri") != FRESH]

    def wait_line(self):
        """The access-log line of a case of one request."""
        self.eventually(self.lines, "an access-log line")
        return self.lines()[0]

    def logged_errors(self):
        return [line.get("error") for line in self.lines()]

    def idle_at_targets(self):
        """How many connections the targets hold open."""
        return sum(1 for backend in self.backends for peer in backend.peers if peer.socket.fileno() >= 0)

    # --- afterwards ---
    def check_aftermath(self):
        self.assertIsNone(self.proxy.process.poll(), "the process has ended")
        self.eventually(lambda: len(self.lines()) >= self.requests, f"{self.requests} access-log lines")
        allowed = self.files_before + 2 * self.pooled_pipes
        self.eventually(lambda: self.proxy.open_files() <= allowed, f"descriptors back to {allowed}")
        self.heal()
        response = self.fresh()
        self.assertEqual((response.status, response.complete), (200, True))
        if not is_sanitized():
            growth = peak_rss_bytes(self.proxy.pid) - self.memory_before
            self.assertLess(growth, self.memory_growth)
        self.proxy.stop()
        self.assertEqual(len(self.lines()), self.requests, self.lines()[-20:])

    def fresh(self):
        return get(self.proxy.port, FRESH)

    def heal(self):
        """Makes every target answer. No connection of the case is left, so no old script is either."""
        for backend in self.backends:
            backend.heal()

