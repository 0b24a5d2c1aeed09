"""The admin endpoint: the API and the commands that use it, metrics, who may do what, and draining."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

import harness
from backends import Backend, serve
from client import Client, UnixConnection, get
from greeters import greet, url_of
from harness import BINARY, E2eTest, Proxy, main, port_of, run_command, spec_of
from processes import free_port
from secure import Certificates, get_tls, settings, trusting

CHECKS = {"type": "tcp", "interval": "100ms", "timeout": "1s", "rise": 1, "fall": 1}
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
TOKEN = "correct horse".replace(" ", "-")


class AdminCase(E2eTest):
    def setUp(self):
        self.directory = self.using(tempfile.TemporaryDirectory(prefix="evenkeel-"))
        self.path = f"{self.directory}/admin.sock"

    def begin(self, *ports, admin=None, settings=None, **options):
        spec = spec_of(*ports, admin={"socket": self.path, **(admin or {})}, **(settings or {}))
        self.proxy = self.using(Proxy(spec, **options))
        self.proxy.wait_event("admin_listening", address=self.path)
        return self.proxy

    def call(self, method, path, body=None, fields=(), raw=None):
        with UnixConnection(self.path) as client:
            data = raw if raw is not None else None if body is None else json.dumps(body).encode()
            response = client.request(method, path, [*fields, ("Connection", "close")], data)
            return response.status, response.body

    def ask(self, method, path, body=None, status=200):
        code, text = self.call(method, path, body)
        self.assertEqual(code, status, text)
        return json.loads(text)

    def status(self):
        return self.ask("GET", "/v1/status")

    def targets_path(self, port, target=None):
        number, key, _ = port
        path = f"/v1/ports/e2e/{number}/{key.partition('/')[2]}/targets"
        return path if target is None else path + "?id=" + urllib.parse.quote(target, safe="")

    def shown(self, target):
        for port in self.status()["ports"]:
            for each in port["targets"]:
                if each["id"] == target:
                    return each
        return None

    def command(self, *arguments):
        code, out, err = run_command(*arguments, "--socket", self.path)
        return code, out + err


class Shown(AdminCase):
    def test_ports_and_targets(self):
        backend, silent = self.using(Backend(serve())), f"http://127.0.0.1:{free_port()}"
        port = port_of([backend, silent], health=CHECKS)
        redirect = (free_port(), None, None)
        redirect = (redirect[0], f"{redirect[0]}/http", {"redirect": "https://a.example/"})
        self.begin(port, redirect)
        self.proxy.wait_up(backend)
        self.proxy.wait_event("target_down", target=silent)
        for _ in range(3):
            self.assertEqual(get(port[0]).status, 200)
        status = self.eventually(lambda: (s := self.status())["ports"][0]["work"]["requests"] == 3 and s, "three requests")
        self.assertEqual(status["pid"], self.proxy.pid)
        first, second = status["ports"]
        self.assertEqual((first["proxy"], first["port"], first["state"], first["strategy"]),
                         ("e2e", port[1], "open", "roundrobin"))
        self.assertEqual(second["redirect"], "https://a.example/")
        up, down = first["targets"]
        self.assertEqual((up["id"], up["health"], up["work"]["requests"], up["source"]), (backend.url, "up", 3, "spec"))
        self.assertEqual(up["work"]["by_status"]["2xx"], 3)
        self.assertLess(up["work"]["p50_ms"], 1_000)
        self.assertEqual((down["health"], down["reason"], down["work"]["requests"]), ("down", "connect_refused", 0))
        self.assertEqual([step["to"] for step in down["history"]], ["down"])

    def test_the_status_command(self):
        backend = self.using(Backend(serve()))
        port = port_of([backend], health=CHECKS)
        self.begin(port)
        self.proxy.wait_up(backend)
        get(port[0])
        code, text = self.command("status")
        self.assertEqual(code, 0, text)
        self.assertRegex(text, rf"(?m)^e2e {port[0]}/http +127\.0\.0\.1:{port[0]} +open +roundrobin")
        self.assertRegex(text, rf"(?m)^  {re.escape(backend.url)} +up +\d+s +check passed +0 +1 ")
        code, text = self.command("status", "--json")
        self.assertEqual(json.loads(text)["ports"][0]["targets"][0]["id"], backend.url)
        code, text = run_command("status", "--socket", f"{self.directory}/none")[::2]
        self.assertEqual(code, 4)
        self.assertIn("evenkeel is not running, or its socket is elsewhere", text)

    def test_metrics_are_what_prometheus_reads(self):
        backend = self.using(Backend(serve()))
        greeter = self.using(Backend(greet))
        port, tcp = port_of([backend], health=CHECKS), port_of([url_of(greeter)], key="tcp")
        self.begin(port, tcp, workers=2)
        self.proxy.wait_up(backend)
        for _ in range(20):
            get(port[0])
        with Client(tcp[0]) as client:
            client.more()
        labels = f'proxy="e2e",port="{port[1]}"'
        wanted = f'evenkeel_requests_total{{{labels},code="2xx"}} 20'
        text = self.eventually(lambda: wanted in (t := self.call("GET", "/metrics")[1].decode()) and t, "20 requests")
        self.assertIn(f'evenkeel_target_requests_total{{{labels},target="{backend.url}",code="2xx"}} 20', text)
        self.assertIn(f'evenkeel_duration_seconds_count{{{labels}}} 20', text)
        self.assertIn(f'evenkeel_target_up{{{labels},target="{backend.url}"}} 1', text)
        self.assertIn('evenkeel_loop_lag_seconds{worker="1"}', text)
        promtool = shutil.which("promtool")
        if promtool is None:
            self.skipTest("promtool is not installed (Debian package: prometheus)")
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr.strip(), done.stdout.strip()), (0, "", ""))


    def test_the_dashboard_asks_for_what_there_is(self):
        with open(EXAMPLES / "grafana-dashboard.json", encoding="utf-8") as file:
            panels = json.load(file)["panels"]
        asked = {name for panel in panels for target in panel["targets"]
                 for name in re.findall(r"evenkeel_[a-z_]+", target["expr"])}
        self.assertGreater(len(asked), 15)
        pair = self.using(Certificates()).self_signed("localhost")
        backend = self.using(Backend(serve()))
        port = port_of([backend], key="https", tls=settings(pair))
        self.begin(port)
        self.assertEqual(get_tls(port[0], trusting(pair[0]), name="localhost").status, 200)

        def missing():
            text = self.call("GET", "/metrics")[1].decode()
            return asked - set(re.findall(r"^(evenkeel_[a-z_]+)", text, re.MULTILINE))

        self.eventually(lambda: not missing(), "all of them are there")


class Changed(AdminCase):
    def test_targets_are_drained_enabled_weighed_added_and_removed(self):
        first, second, third = (self.using(Backend(serve())) for _ in range(3))
        port = port_of([first, second], health=CHECKS)
        self.begin(port)
        self.proxy.wait_up(first, second)
        self.ask("PATCH", self.targets_path(port, first.url), {"state": "draining"})
        asked = len(first.requests)
        for _ in range(4):
            get(port[0])
        self.assertEqual((len(first.requests), len(second.requests)), (asked, 4))
        self.assertTrue(self.shown(first.url)["overridden"])
        self.ask("PATCH", self.targets_path(port, first.url), {"state": "enabled", "weight": 3})
        self.assertEqual(self.shown(first.url)["weight"], 3)
        for _ in range(8):
            get(port[0])
        self.assertEqual(len(first.requests) - asked, 6)
        self.ask("POST", self.targets_path(port), {"url": third.url})
        self.proxy.wait_up(third)
        self.eventually(lambda: get(port[0]).status == 200 and third.requests, "the new one gets requests")
        self.assertEqual(self.shown(third.url)["source"], "runtime")
        self.ask("DELETE", self.targets_path(port, third.url))
        self.assertIsNone(self.shown(third.url))

    def test_by_commands(self):
        first, second = (self.using(Backend(serve())) for _ in range(2))
        port = port_of([first, second], health=CHECKS)
        self.begin(port)
        self.proxy.wait_up(first, second)
        place = ("e2e", port[1], first.url)
        self.assertEqual(self.command("targets", "drain", *place)[0], 0)
        self.assertEqual(self.shown(first.url)["state"], "draining")
        self.assertEqual(self.command("targets", "disable", *place)[0], 0)
        self.assertEqual(self.shown(first.url)["state"], "disabled")
        self.assertEqual(self.command("targets", "enable", *place)[0], 0)
        self.assertEqual(self.command("targets", "weight", *place, "7")[0], 0)
        self.assertEqual((self.shown(first.url)["state"], self.shown(first.url)["weight"]), ("enabled", 7))
        added = ("e2e", port[1], "http://127.0.0.1:9")
        self.assertEqual(self.command("targets", "add", *added, "--weight", "2")[0], 0)
        self.assertEqual(self.shown(added[2])["weight"], 2)
        self.assertEqual(self.command("targets", "remove", *added)[0], 0)
        code, text = self.command("targets", "remove", *place)
        self.assertEqual(code, 4)
        self.assertIn("Disable it, or change the spec", text)
        self.assertIn(first.url, self.command("targets", "list")[1])
        self.assertEqual(self.command("reload")[0], 0)
        self.proxy.wait_event("reloaded", unchanged="1")
        # What was said by hand outlives a reload that changes nothing of it.
        self.assertEqual(self.shown(first.url)["weight"], 7)

    def test_the_strategy_and_the_port(self):
        first, second = (self.using(Backend(serve())) for _ in range(2))
        port, other = port_of([first, second]), port_of([first])
        self.begin(port, other)
        where = self.targets_path(port).removesuffix("/targets")
        self.ask("PATCH", where, {"strategy": "first"})
        self.eventually(lambda: self.status()["ports"][0]["strategy"] == "first", "the strategy")
        before = len(second.requests)
        for _ in range(4):
            get(port[0])
        self.assertEqual(len(second.requests), before)
        self.ask("PATCH", where, {"strategy": "best"}, 422)
        self.ask("POST", where + "/drain")
        self.eventually(lambda: not self.accepts(port[0]), "the port is closed")
        self.assertEqual(get(other[0]).status, 200)

    @staticmethod
    def accepts(port):
        try:
            with socket.create_connection(("127.0.0.1", port)):
                return True
        except OSError:
            return False

    def test_the_process(self):
        backend = self.using(Backend(serve()))
        self.begin(port_of([backend]))
        self.ask("POST", "/v1/drain")
        self.assertEqual(self.proxy.wait(), 0)
        self.assertFalse(os.path.exists(self.path))


class Draining(AdminCase):
    def slow(self, peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        self.release.wait(20)
        peer.send(b"world")
        peer.wait_closed()

    def start(self):
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.backend, self.other = self.using(Backend(self.slow)), self.using(Backend(serve()))
        self.port = port_of([self.backend, self.other], loadbalance="first")
        self.ticking = self.using(Backend(self.slow))
        self.clock = port_of([self.ticking])
        self.begin(self.port, self.clock)
        client = self.using(Client(self.port[0]))
        client.send_request()
        self.assertEqual(client.read_exactly(len(b"HTTP/1.1 200 OK")), b"HTTP/1.1 200 OK")
        return client

    def test_what_is_under_way_is_finished_and_nothing_new_comes(self):
        client = self.start()
        self.ask("PATCH", self.targets_path(self.port, self.backend.url), {"state": "draining", "deadline_ms": 15_000})
        self.assertEqual(self.shown(self.backend.url)["in_flight"], 1)
        for _ in range(3):
            self.assertEqual(get(self.port[0]).status, 200)
        self.assertEqual((len(self.backend.requests), len(self.other.requests)), (1, 3))
        self.release.set()
        self.eventually(lambda: client.more() and client.buffer.endswith(b"helloworld"), "the rest")

    @unittest.skipUnless(harness.FULL, "EVENKEEL_E2E_FULL=1: takes half a minute")
    def test_a_download_of_half_a_minute_is_finished(self):
        def download(peer):
            peer.read_head()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
            for _ in range(30):
                time.sleep(1)
                peer.send(b"x")

        slow, other = self.using(Backend(download)), self.using(Backend(serve()))
        port = port_of([slow, other], loadbalance="first")
        self.begin(port)
        client = self.using(Client(port[0], timeout=60))
        client.send_request()
        self.eventually(lambda: self.shown(slow.url)["in_flight"] == 1, "it is under way")
        begun = time.monotonic()
        self.ask("PATCH", self.targets_path(port, slow.url), {"state": "draining", "deadline_ms": 45_000})
        for _ in range(3):
            self.assertEqual(get(port[0]).body, b"ok")
        self.assertEqual(client.read_response().body, b"x" * 30)
        self.assertGreater(time.monotonic() - begun, 25)
        self.assertEqual(len(slow.requests), 1)

    def test_at_the_deadline_it_is_cut(self):
        client = self.start()
        self.ask("PATCH", self.targets_path(self.port, self.backend.url), {"state": "draining", "deadline_ms": 200})
        data = client.read_to_end()
        self.assertTrue(data.endswith(b"hello"), data)
        self.eventually(lambda: self.shown(self.backend.url)["in_flight"] == 0, "nothing is under way")

    def wait_by_deadline(self, milliseconds):
        """Until a deadline that is set now has come: those before it have come, too."""
        with Client(self.clock[0]) as client:
            client.send_request()
            client.read_exactly(len(b"HTTP/1.1 200 OK"))
            self.ask("PATCH", self.targets_path(self.clock, self.ticking.url),
                     {"state": "draining", "deadline_ms": milliseconds})
            client.read_to_end()

    def test_a_later_deadline_is_the_one_that_counts(self):
        client = self.start()
        path = self.targets_path(self.port, self.backend.url)
        self.ask("PATCH", path, {"state": "draining", "deadline_ms": 100})
        self.ask("PATCH", path, {"state": "draining", "deadline_ms": 15_000})
        self.wait_by_deadline(200)
        self.assertEqual(self.shown(self.backend.url)["in_flight"], 1)
        self.release.set()
        self.eventually(lambda: client.more() and client.buffer.endswith(b"helloworld"), "the rest")

    def test_while_the_process_drains_ports_stay_as_they_are(self):
        client = self.start()
        self.proxy.signal(signal.SIGTERM)
        self.proxy.wait_event("draining")
        port = self.targets_path(self.port).removesuffix("/targets")
        self.assertEqual(self.ask("PATCH", port, {"strategy": "random"}, 409)["error"], "ending")
        self.assertEqual(self.ask("POST", port + "/drain", None, 409)["error"], "ending")
        self.assertEqual(self.ask("POST", "/v1/reload", None, 409)["error"], "ending")
        self.release.set()
        self.eventually(lambda: client.more() and client.buffer.endswith(b"helloworld"), "the rest")
        client.close()
        self.assertEqual(self.proxy.wait(), 0)

    def test_who_is_enabled_again_is_not_cut(self):
        client = self.start()
        path = self.targets_path(self.port, self.backend.url)
        self.ask("PATCH", path, {"state": "draining", "deadline_ms": 300})
        self.ask("PATCH", path, {"state": "enabled"})
        self.wait_by_deadline(400)
        self.assertEqual(self.shown(self.backend.url)["in_flight"], 1)
        self.release.set()
        self.eventually(lambda: client.more() and client.buffer.endswith(b"helloworld"), "the rest")


class Access(AdminCase):
    def over_tcp(self, **options):
        self.admin_port = free_port()
        backend = self.using(Backend(serve()))
        self.port = port_of([backend])
        self.begin(self.port, admin={"listen": f"127.0.0.1:{self.admin_port}", "token": "env:ADMIN_TOKEN"},
                   env={"ADMIN_TOKEN": TOKEN}, **options)
        self.proxy.wait_event("admin_listening", 2)

    def status_of(self, method, path, *fields, body=None):
        with Client(self.admin_port) as client:
            return client.request(method, path, [*fields, ("Connection", "close")], body).status

    def test_the_socket_is_its_owners(self):
        self.begin(port_of([self.using(Backend(serve()))]))
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_over_tcp_nobody_without_the_token(self):
        self.over_tcp()
        good = ("Authorization", f"Bearer {TOKEN}")
        writes = [("POST", "/v1/reload"), ("POST", "/v1/drain"), ("PATCH", self.targets_path(self.port, "http://a:1")),
                  ("DELETE", self.targets_path(self.port, "http://a:1")), ("POST", self.targets_path(self.port))]
        for fields in ([], [("Authorization", f"Bearer {TOKEN}x")], [("Authorization", TOKEN)],
                       [("Authorization", "Bearer ")], [("Cookie", f"token={TOKEN}")]):
            for method, path in [*writes, ("GET", "/v1/status"), ("GET", "/metrics")]:
                with self.subTest((fields, method, path)):
                    self.assertEqual(self.status_of(method, path, *fields, body=b"{}" if method != "GET" else None), 401)
        self.assertEqual(self.status_of("GET", "/v1/status", good), 200)
        self.assertEqual(self.status_of("GET", "/"), 200)  # the page, which knows nothing
        self.assertIsNone(self.proxy.process.poll())
        self.assertNotIn(TOKEN, "\n".join(self.proxy.err.text))

    def test_a_token_that_is_not_there_keeps_the_door_shut(self):
        port = free_port()
        backend = self.using(Backend(serve()))
        self.begin(port_of([backend]), admin={"listen": f"127.0.0.1:{port}", "token": f"file:{self.directory}/none"})
        self.assertIn("cannot be read", self.proxy.wait_event("admin_unavailable")[0]["reason"])
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", port))

    def test_a_socket_that_somebody_has_is_left_alone_and_a_dead_one_is_replaced(self):
        backend = self.using(Backend(serve()))
        first = self.begin(port_of([backend]))
        second = self.using(Proxy(spec_of(port_of([backend]), admin={"socket": self.path})))
        second.wait_event("admin_unavailable")
        self.assertEqual(self.status()["pid"], first.pid)
        first.process.kill()
        first.process.wait()
        third = self.using(Proxy(spec_of(port_of([backend]), admin={"socket": self.path})))
        third.wait_event("admin_listening")
        self.assertEqual(self.status()["pid"], third.pid)
        first.code = 0


class Hostile(AdminCase):
    def test_mistakes_get_an_answer_and_change_nothing(self):
        backend = self.using(Backend(serve()))
        port = port_of([backend])
        self.begin(port)
        path, one = self.targets_path(port), self.targets_path(port, backend.url)
        for method, where, body, status in (
                ("GET", "/v2/status", None, 404), ("GET", "/v1", None, 404), ("GET", "//v1/status", None, 404),
                ("PUT", "/v1/status", {}, 405), ("DELETE", "/metrics", None, 405),
                ("PATCH", one, {"weight": -1}, 422), ("PATCH", one, {"weight": 70_000}, 422), ("PATCH", one, {"weight": "3"}, 422),
                ("PATCH", one, {"wieght": 3}, 422), ("PATCH", one, {"state": "off"}, 422), ("PATCH", one, {}, 422),
                ("PATCH", one, [], 400), ("PATCH", path, {"weight": 1}, 422), ("PATCH", one, {"deadline_ms": 1}, 422),
                ("PATCH", self.targets_path(port, "http://nobody:1"), {"weight": 1}, 404),
                ("POST", path, {"url": "http://a:1/path"}, 422), ("POST", path, {"url": "tcp://a:1"}, 422),
                ("POST", path, {"url": "http://a:1-3"}, 422), ("POST", path, {"url": "http://a:1,http://b:1"}, 422),
                ("POST", path, {"url": backend.url}, 409), ("DELETE", one, None, 409),
                ("POST", path.replace("e2e", "nobody"), {"url": "http://a:1"}, 404),
                ("PATCH", path + "?id=%zz", {"weight": 1}, 422)):
            with self.subTest((method, where, body)):
                self.ask(method, where, body, status)
        self.assertEqual(self.call("PATCH", one, raw=b"{\"weight\":")[0], 400)
        self.assertEqual(self.call("PATCH", one, raw=b"x" * 2_000_000)[0], 413)
        shown = self.shown(backend.url)
        self.assertEqual((shown["weight"], shown["state"]), (1, "enabled"))

    def test_bytes_that_are_no_requests(self):
        self.begin(port_of([self.using(Backend(serve()))]))
        for data in (b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"GET /v1/status HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"GET " + b"a" * 40_000, b"POST /v1/drain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"POST /v1/drain HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", b"\x16\x03\x01\x02\x00"):
            with self.subTest(data[:60]), UnixConnection(self.path) as client:
                try:
                    client.send(data)
                    client.half_close()
                except OSError:
                    pass
                answer = client.read_to_end()
                self.assertFalse(answer.startswith(b"HTTP/1.1 2"), answer)
        # 64 may come at once; those that come too many are closed, and the others go on.
        crowd = [self.using(UnixConnection(self.path)) for _ in range(80)]
        for client in crowd[:40]:
            client.close()
        self.eventually(lambda: self.can_ask(), "an answer")

    def can_ask(self):
        try:
            return self.call("GET", "/v1/status")[0] == 200
        except (OSError, EOFError):
            return False

    def test_pipelined_requests_are_answered_in_turn(self):
        self.begin(port_of([self.using(Backend(serve()))]))
        with UnixConnection(self.path) as client:
            client.send(b"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
                        b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual([client.read_response().status for _ in range(3)], [200, 404, 200])


if __name__ == "__main__":
    main()
