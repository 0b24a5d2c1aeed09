"""Acceptance cases 38, 40 and 43: no descriptors left, a wall clock that jumps, an end in the middle of transfers."""

import glob
import os
import resource
import signal
import tempfile
import threading
import time
from datetime import datetime
from email.utils import parsedate_to_datetime

import harness
from acceptance import FRESH, GET, KEPT_IDLE, MIB, AcceptanceCase
from backends import serve
from client import Client, get
from harness import FAST_CHECKS, Proxy, is_sanitized, port_of, spec_of
from processes import accepts, cpu_seconds

DAY = 86_400
BAD = b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"


class OutOfDescriptors(AcceptanceCase):
    """Case 38: EMFILE. The limit is lowered under the running process, so that it knows nothing of it."""

    SPARE = 30
    FLOOD = 100

    def setUp(self):
        if is_sanitized():
            self.skipTest("UBSan opens a pipe to look at an object, and without descriptors takes each for a bad one")

    def fill(self, count=FLOOD):
        """Takes every descriptor that the proxy may still open; the clients that did, some still waiting."""
        limit = self.proxy.open_files() + self.SPARE
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE, (limit, limit))
        clients = [self.client() for _ in range(count)]
        self.eventually(lambda: self.proxy.open_files() == limit, "no descriptor is left")
        return clients

    def test_case_38_without_descriptors_it_does_not_spin_and_goes_on_and_recovers(self):
        self.start(serve(), requests=42, limits={"connections": 100_000}, upstream={"idle": "5s"})
        client = self.client()
        self.assertEqual(client.request().status, 200)
        flood = self.fill()

        before = cpu_seconds(self.proxy.pid)
        time.sleep(1)  # the time over which it is measured
        self.assertLess(cpu_seconds(self.proxy.pid) - before, 0.2)

        for _ in range(20):
            self.assertEqual(client.request().status, 200)
            self.assertEqual(flood[0].request().status, 200)
        for waiting in flood:
            waiting.close()
        self.eventually(lambda: self.proxy.open_files() < self.files_before + self.SPARE / 2)
        self.assertEqual(self.client().request().status, 200)

    def test_case_38_those_that_waited_are_served_when_others_leave(self):
        waiting = 10
        self.start(serve(), requests=waiting, limits={"connections": 100_000}, upstream=KEPT_IDLE)
        flood = self.fill(self.SPARE + waiting)
        for client in flood[:self.SPARE]:
            client.close()
        for client in flood[self.SPARE:]:
            self.assertEqual(client.request().status, 200)
            client.close()

    def test_case_38_a_shortage_of_ours_is_no_failure_of_the_targets(self):
        self.start(serve(), serve(), requests=21, limits={"connections": 100_000},
                   outlier={"consecutiveFailures": 2}, health=FAST_CHECKS)
        self.proxy.wait_up(*self.backends)
        flood = self.fill()
        for _ in range(20):  # none has a connection to a target, and no descriptor is left for one
            self.assertEqual(flood[0].request().status, 503)
        for client in flood:
            client.close()
        self.eventually(lambda: self.proxy.open_files() < self.files_before + self.SPARE / 2)
        self.assertEqual(self.client().request().status, 200)
        self.assertEqual(self.proxy.events("target_ejected") + self.proxy.events("target_down"), [])


class WallClock(AcceptanceCase):
    """Case 40: the wall clock of the process jumps by a day; its timers must not notice."""

    HEAD = 2.0

    def setUp(self):
        found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not found:
            self.skipTest("libfaketime is not installed (Debian package: faketime)")
        if is_sanitized():
            self.skipTest("a sanitizer's library must come first, and libfaketime too")
        self.library = found[0]

    def start_with_clock(self, script, requests):
        directory = self.using(tempfile.TemporaryDirectory())
        self.clock = os.path.join(directory, "clock")
        self.set_clock("+0")
        self.start(script, requests=requests, health=FAST_CHECKS, timeouts={"head": f"{self.HEAD}s"}, env={
            "LD_PRELOAD": self.library, "FAKETIME_TIMESTAMP_FILE": self.clock, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
        self.proxy.wait_up(self.backend)

    def set_clock(self, offset):
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write(offset)
        os.replace(self.clock + ".new", self.clock)

    def jump(self, offset, seconds):
        """Sets the clock; what the proxy writes shows that it sees it."""
        self.set_clock(offset)
        with Client(self.proxy.port) as client:
            client.send(BAD)
            response = client.read_response()
        dated = parsedate_to_datetime(response.get("date")).timestamp()
        self.assertAlmostEqual(dated - time.time(), seconds, delta=60)

    def timers_do_not_notice(self, offset, seconds):
        begun, go = threading.Event(), threading.Event()
        self.addCleanup(go.set)

        def script(peer):
            while request := peer.read_request():
                if request.target == "/slow":
                    begun.set()
                    go.wait(20)
                peer.answer(b"ok")

        self.start_with_clock(script, requests=6)
        kept, working, slow = self.client(), self.client(), self.client()
        self.assertEqual(kept.request().status, 200)
        working.send_request(target="/slow")
        self.assertTrue(begun.wait(20))
        slow.send(b"GET / HT")
        since = time.monotonic()

        self.jump(offset, seconds)
        checks = len(self.backend.peers)
        self.eventually(lambda: len(self.backend.peers) > checks + 3, "health checks go on", 5)
        self.assertEqual(kept.request().status, 200)  # neither has an idle connection been closed
        self.assertEqual(slow.read_response().status, 408)  # from before the jump
        self.assertTrue(self.HEAD - 0.3 < time.monotonic() - since < self.HEAD + 2)
        go.set()
        self.assertEqual(working.read_response().status, 200)

        after, since = self.client(), time.monotonic()
        after.send(b"GET / HT")
        self.assertEqual(after.read_response().status, 408)  # from after it
        self.assertTrue(self.HEAD - 0.3 < time.monotonic() - since < self.HEAD + 2)
        times = [datetime.fromisoformat(line["time"]).timestamp() for line in self.lines()]
        self.assertAlmostEqual(times[-1] - times[0], seconds, delta=60)

    def test_case_40_timers_do_not_notice_a_wall_clock_a_day_ahead(self):
        self.timers_do_not_notice("+1d", DAY)

    def test_case_40_timers_do_not_notice_a_wall_clock_a_day_back(self):
        self.timers_do_not_notice("-1d", -DAY)


class EndInTransfers(AcceptanceCase):
    """Case 43: SIGTERM while transfers are under way. The process ends: a new one in its place is asked."""

    SIZE = 16 * MIB
    UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    expected_code = 0

    def script(self, peer):
        request = peer.read_head()
        if request is None:
            return
        if request.target == "/down":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.SIZE)
            peer.send(bytes(self.SIZE))
            peer.wait_closed()
        elif request.target == "/up":
            peer.read_body(request)
            peer.answer(b"%d" % len(request.body))
        else:
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while data := peer.socket.recv(65536):
                peer.socket.sendall(data)

    def begin(self, drain):
        """A download that its client does not read yet, half an upload, a tunnel, and an idle connection."""
        self.start(self.script, requests=4, document={"drainTimeout": drain})
        self.down, self.up, self.tunnel, self.idle = (self.client(receive_buffer=size) for size in (65536, None, None, None))
        self.idle.send(GET.replace(b"GET / ", b"POST /up ").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"))
        self.assertEqual(self.idle.read_response("POST").body, b"0")
        self.down.send_request(target="/down")
        self.head = self.down.read_response(body=False)
        self.up.send(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf")
        self.eventually(lambda: b"half" in self.backend.received())
        self.tunnel.send(self.UPGRADE)
        self.assertEqual(self.tunnel.read_response().status, 101)
        self.begun = time.monotonic()
        self.proxy.signal(signal.SIGTERM)
        self.proxy.wait_event("draining")
        self.assertTrue(self.idle.at_end())
        self.eventually(lambda: not accepts(self.proxy.port), "the port is closed to new work")

    def test_case_43_transfers_under_way_are_finished(self):
        self.begin("30s")
        self.tunnel.send(b"still here")
        self.assertEqual(self.tunnel.read_exactly(10), b"still here")
        self.up.send(b"half")
        response = self.up.read_response("POST")
        self.assertEqual((response.body, response.closes), (b"8", True))
        self.down.read_body(self.head, "GET")
        self.assertEqual((len(self.head.body), self.head.complete), (self.SIZE, True))
        self.assertIsNone(self.proxy.process.poll())  # a tunnel is left
        self.tunnel.half_close()
        self.assertTrue(self.tunnel.at_end())

    def test_case_43_at_the_deadline_they_are_cut(self):
        self.expected_code = 5
        self.begin("800ms")
        self.proxy.wait()
        took = time.monotonic() - self.begun
        self.assertTrue(0.7 < took < 5, took)
        self.down.read_body(self.head, "GET")
        self.assertFalse(self.head.complete)
        self.assertRaises(EOFError, self.up.read_response, "POST")
        self.assertTrue(self.tunnel.at_end())

    def check_aftermath(self):
        self.proxy.wait()
        self.proxy.stop(expect=(self.expected_code,))
        self.assertEqual(len(self.lines()), self.requests, self.lines())
        self.heal()
        with Proxy(spec_of(port_of([self.backend], self.proxy.port))) as successor:
            self.assertEqual(get(successor.port, FRESH).status, 200)


if __name__ == "__main__":
    harness.main()
