"""Host mode on a real tailscaled: where ports listen, certificates, who clients are, services.

EVENKEEL_BIN is the command. Two ways of tailscaled: userspace networking, in a namespace with nothing but
loopback; and a TUN of its own, in a second namespace behind a veth, where /dev/net/tun can be opened.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import tailnet
from test_tailnet import LocalAPI

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from client import UnixConnection  # noqa: E402
from harness import Proxy, run_command  # noqa: E402
from processes import free_port, wait_for  # noqa: E402

USERSPACE = "its addresses cannot be bound"


class Target:
    """An HTTP target that answers with the fields it was sent."""

    def __init__(self, port=0):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = json.dumps({key.lower(): value for key, value in self.headers.items()}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def spec_of(socket, ports, **options):
    return {"tailnet": {"mode": "host", "socket": str(socket), **options},
            "health": {"type": "tcp", "interval": "100ms", "rise": 1, "fall": 1}, "outlier": False,
            "proxies": {"web": {"ports": ports}}}


def fields_of(answer):
    return json.loads(answer["body"])


class Services:
    """tailscaled's serve-config and advertised services."""

    def __init__(self, socket):
        self.api = LocalAPI(socket)

    def get(self, path):
        code, text = self.api.get(path)
        assert code == 200, text
        return json.loads(text) or {}

    def close(self):
        self.api.close()

    def advertised(self):
        return self.get("prefs").get("AdvertiseServices") or []

    def config(self):
        return self.get("serve-config")


class Userspace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = tailnet.Tailnet()
        cls.addClassCleanup(cls.net.close)
        cls.net.start_client("laptop", login="ana@example.com", displayName="Aña")
        cls.net.start_client("phone", login="bo@example.com", displayName="Bo")
        cls.daemon = cls.enterClassContext(tailnet.Tailscaled(cls.net, "server"))
        cls.target = cls.enterClassContext(Target())
        api = LocalAPI(cls.daemon.socket)
        cls.services = Services(cls.daemon.socket)
        cls.addClassCleanup(cls.services.close)
        cls.address = json.loads(api.get("status?peers=false")[1])["Self"]["TailscaleIPs"][0]
        api.close()

    def get(self, client, port, **fields):
        return self.net.http(client, f"http://{self.address}:{port}/", **fields)

    def run_proxy(self, ports, workers=1, **options):
        return self.enterContext(Proxy(spec_of(self.daemon.socket, ports, **options), workers=workers))

    def test_who_a_client_is(self):
        port = free_port()
        proxy = self.run_proxy({f"{port}/http": {"targets": [self.target.url]}})
        line = proxy.wait_event("tailnet_userspace")[0]
        self.assertIn(USERSPACE, line["reason"])
        proxy.wait_event("tailnet_listening", address=f"127.0.0.1:{port}")
        fields = fields_of(self.get("laptop", port, headers={"Tailscale-User-Login": ["root@example.com"]}))
        self.assertEqual(fields["tailscale-user-login"], "ana@example.com")
        self.assertEqual(fields["tailscale-user-name"], "=?utf-8?q?A=C3=B1a?=")
        self.assertEqual(fields_of(self.get("phone", port))["tailscale-user-login"], "bo@example.com")

    def test_a_local_process_is_nobody(self):
        port = free_port()
        proxy = self.run_proxy({f"{port}/http": {"targets": [self.target.url]}})
        proxy.wait_event("tailnet_listening")
        done = subprocess.run(["curl", "-sS", "-H", "Tailscale-User-Login: root@example.com",
                               f"http://127.0.0.1:{port}/"], capture_output=True, text=True, timeout=30, check=True)
        self.assertNotIn("tailscale-user-login", json.loads(done.stdout))

    def test_who_may_come_in(self):
        port = free_port()
        proxy = self.run_proxy({f"{port}/http": {"targets": [self.target.url], "allow": ["ana@example.com"]}})
        proxy.wait_event("tailnet_listening")
        self.assertEqual(self.get("laptop", port)["status"], 200)
        refused = self.get("phone", port)
        self.assertEqual(refused["status"], 403)
        self.assertIn("bo@example.com", refused["body"])

    def test_who_may_connect(self):
        port = free_port()
        proxy = self.run_proxy({f"{port}/tcp": {"targets": [f"tcp://127.0.0.1:{self.target.port}"],
                                                "allow": ["ana@example.com"]}})
        proxy.wait_event("tailnet_listening")
        request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        got = self.net.tcp("laptop", f"{self.address}:{port}", send=request)
        self.assertTrue(got["received"].startswith(b"HTTP/1.1 200 "))
        self.assertEqual(self.net.tcp("phone", f"{self.address}:{port}", send=request)["received"], b"")

    def test_the_certificate_of_the_node(self):
        if not self.net.has_authority:
            self.skipTest("pebble is not installed: no certificates")
        port = free_port()
        proxy = self.run_proxy({f"{port}/https": {"targets": [self.target.url]}})
        proxy.wait_event("tailnet_listening", limit=60)
        name = f"server.{self.net.domain}"
        self.assertIn(name, proxy.wait_event("tailnet_certificate")[0]["certificates"])
        answer = self.net.http("laptop", f"https://{self.address}:{port}/", serverName=name,
                               caFile=self.net.ready["acmeRootFile"])
        self.assertEqual(answer["status"], 200)
        self.assertIn(name, answer["certNames"])
        self.assertEqual(fields_of(answer)["tailscale-user-login"], "ana@example.com")

    def test_workers_share_a_port_and_others_are_told(self):
        port = free_port()
        ports = {f"{port}/http": {"targets": [self.target.url]}}
        proxy = self.run_proxy(ports, workers=3)
        proxy.wait_event("tailnet_listening")
        second = self.run_proxy(ports)
        self.assertIn(f"web {port}/http", second.wait_event("ready")[0]["waiting"])
        self.assertIn(str(port), second.wait_event("cannot_listen")[0]["address"])
        proxy.stop()
        second.wait_event("tailnet_listening")
        self.assertEqual(self.get("laptop", port)["status"], 200)

    def test_a_service_goes_by_the_health_of_its_targets(self):
        target = Target()
        self.addCleanup(target.__exit__)
        proxy = self.run_proxy({"5432/tcp": {"targets": [f"tcp://127.0.0.1:{target.port}"]}}, service="svc:db")
        wait_for(lambda: self.services.advertised() == ["svc:db"], "the service is advertised")
        handler = self.services.config()["Services"]["svc:db"]["TCP"]["5432"]
        self.assertEqual(handler["ProxyProtocol"], 2)
        self.assertRegex(handler["TCPForward"], r"^127\.0\.0\.1:\d+$")
        target.__exit__()
        wait_for(lambda: self.services.advertised() == [], "the service is withdrawn")
        again = Target(target.port)
        self.addCleanup(again.__exit__)
        wait_for(lambda: self.services.advertised() == ["svc:db"], "the service is advertised again")
        proxy.stop()
        self.assertEqual(self.services.advertised(), [])
        self.assertIn("svc:db", self.services.config()["Services"])

    def test_who_a_client_of_a_service_is(self):
        self.net.host_service("server", "svc:web", "100.99.9.9")
        proxy = self.run_proxy({"80/http": {"targets": [self.target.url], "allow": ["ana@example.com"]}},
                               service="svc:web")
        wait_for(lambda: self.services.advertised() == ["svc:web"], "the service is advertised")
        answer = self.net.http("laptop", "http://100.99.9.9/",
                               headers={"Tailscale-User-Login": ["root@example.com"], "X-Forwarded-For": ["1.2.3.4"]})
        fields = fields_of(answer)
        self.assertEqual(fields["tailscale-user-login"], "ana@example.com")
        self.assertRegex(fields["x-forwarded-for"], r"^100\.64\.\d+\.\d+$")
        refused = self.net.http("phone", "http://100.99.9.9/")
        self.assertEqual((refused["status"], "bo@example.com" in refused["body"]), (403, True))
        self.assertEqual(proxy.stop(), 0)

    def test_services_beside_those_of_others(self):
        self.daemon.cli("serve", "--bg", "--tcp=7000", "tcp://127.0.0.1:7001")
        stop = threading.Event()

        def other():
            # Another writer, all the time: what it writes must not get lost, and must not stop us.
            number = 0
            while not stop.is_set():
                with contextlib.suppress(RuntimeError):
                    self.daemon.cli("serve", "--bg", f"--tcp={7100 + number % 5}", "tcp://127.0.0.1:7001")
                number += 1

        writer = threading.Thread(target=other)
        writer.start()
        try:
            self.run_proxy({"8000/tcp": {"targets": [f"tcp://127.0.0.1:{self.target.port}"]}}, service="svc:other")
            wait_for(lambda: "svc:other" in self.services.advertised(), "the service is advertised")
        finally:
            stop.set()
            writer.join()
        config = self.services.config()
        self.assertIn("8000", config["Services"]["svc:other"]["TCP"])
        self.assertIn("7000", config["TCP"])
        self.daemon.cli("serve", "reset")


def can_tun():
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
        return True
    except OSError:
        return False


@unittest.skipUnless(can_tun() or os.environ.get("CI"), "/dev/net/tun cannot be opened: no tailscaled with a TUN")
class Tun(unittest.TestCase):
    """The node's addresses are this namespace's; the clients' networking is inside of their own process."""

    @classmethod
    def setUpClass(cls):
        cls.net = tailnet.Tailnet()
        cls.addClassCleanup(cls.net.close)
        cls.net.start_client("laptop", login="ana@example.com", displayName="Ana")
        cls.daemon = cls.enterClassContext(tailnet.Tailscaled(cls.net, "server", tun="tailscale0"))
        cls.target = cls.enterClassContext(Target())
        api = LocalAPI(cls.daemon.socket)
        cls.addresses = json.loads(api.get("status?peers=false")[1])["Self"]["TailscaleIPs"]
        api.close()

    def run_proxy(self, ports, workers=1, **options):
        return self.enterContext(Proxy(spec_of(self.daemon.socket, ports, **options), workers=workers))

    def test_the_addresses_of_the_node_and_no_others(self):
        port = free_port()
        proxy = self.run_proxy({f"{port}/http": {"targets": [self.target.url]}}, workers=2)
        v4, v6 = self.addresses
        proxy.wait_event("tailnet_listening", count=2)
        proxy.wait_event("tailnet_listening", address=f"{v4}:{port}")
        proxy.wait_event("tailnet_listening", address=f"[{v6}]:{port}")
        self.assertEqual(proxy.events("tailnet_userspace"), [])
        for host in (v4, f"[{v6}]"):
            answer = self.net.http("laptop", f"http://{host}:{port}/")
            self.assertEqual(fields_of(answer)["tailscale-user-login"], "ana@example.com")
        refused = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{port}/"], capture_output=True, timeout=30)
        self.assertEqual(refused.returncode, 7)

    def test_https(self):
        if not self.net.has_authority:
            self.skipTest("pebble is not installed: no certificates")
        port = free_port()
        proxy = self.run_proxy({f"{port}/https": {"targets": [self.target.url]}})
        proxy.wait_event("tailnet_listening", limit=60)
        name = f"server.{self.net.domain}"
        answer = self.net.http("laptop", f"https://{self.addresses[0]}:{port}/", serverName=name,
                               caFile=self.net.ready["acmeRootFile"])
        self.assertEqual(fields_of(answer)["tailscale-user-login"], "ana@example.com")

    def test_tcp_and_udp(self):
        port = free_port()
        proxy = self.run_proxy({f"{port}/tcp": {"targets": [f"tcp://127.0.0.1:{self.target.port}"]},
                                f"{port}/udp": {"targets": ["udp://127.0.0.1:9"], "health": False}})
        proxy.wait_event("tailnet_listening", count=4)
        got = self.net.tcp("laptop", f"{self.addresses[0]}:{port}",
                           send=b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertTrue(got["received"].startswith(b"HTTP/1.1 200 "))

    def test_a_node_that_goes_and_comes_back(self):
        port = free_port()
        proxy = self.run_proxy({f"{port}/http": {"targets": [self.target.url]}})
        proxy.wait_event("tailnet_listening", count=2)
        self.daemon.cli("down")
        self.assertIn("switched off", proxy.wait_event("tailnet_waiting")[0]["reason"])
        self.daemon.cli("up")
        proxy.wait_event("tailnet_up", count=2)
        wait_for(lambda: self.net.http("laptop", f"http://{self.addresses[0]}:{port}/")["status"] == 200,
                 "the port answers again", 30)


class Late(unittest.TestCase):
    @staticmethod
    def shown(directory, name="web"):
        ports = json.loads(run_command("status", "--json", "--socket", f"{directory}/admin.sock")[1])["ports"]
        return next(({key: port[key] for key in ("state", "address", "reason")} for port in ports
                     if port["proxy"] == name), None)

    def test_tailscaled_comes_later(self):
        with tailnet.Tailnet() as net, Target() as target, tempfile.TemporaryDirectory() as directory:
            net.start_client("laptop", login="ana@example.com")
            link = Path(directory) / "tailscaled.sock"
            port, plain = free_port(), free_port()
            spec = spec_of(link, {f"{port}/http": {"targets": [target.url]}})
            spec["proxies"]["plain"] = {"tailnet": False, "ports": {f"{plain}/http": {"targets": [target.url]}}}
            spec["admin"] = {"socket": f"{directory}/admin.sock"}
            with Proxy(spec) as proxy:
                self.assertIn("tailscaled is not running", proxy.wait_event("tailnet_waiting")[0]["reason"])
                ready = proxy.wait_event("ready")[0]
                self.assertEqual((ready["ports"], ready["waiting"]), (f"127.0.0.1:{plain}", f"web {port}/http"))
                subprocess.run(["curl", "-sSf", f"http://127.0.0.1:{plain}/"], check=True, capture_output=True,
                               timeout=30)
                with tailnet.Tailscaled(net, "server") as daemon:
                    os.symlink(daemon.socket, link)
                    proxy.wait_event("tailnet_listening", limit=60)

    def test_status_says_where_a_port_is_served_and_why_it_is_not(self):
        with tailnet.Tailnet() as net, Target() as target, tempfile.TemporaryDirectory() as directory:
            link, port = Path(directory) / "tailscaled.sock", free_port()
            spec = spec_of(link, {f"{port}/http": {"targets": [target.url]}})
            spec["admin"] = {"socket": f"{directory}/admin.sock"}
            with Proxy(spec) as proxy:
                proxy.wait_event("tailnet_waiting")
                waiting = self.shown(directory)
                self.assertEqual((waiting["state"], waiting["address"]), ("waiting", f"tailnet:{port}"))
                self.assertIn("tailscaled is not running", waiting["reason"])
                table = run_command("status", "--socket", f"{directory}/admin.sock")[1]
                self.assertRegex(table, rf"(?m)^web {port}/http  tailnet:{port}  waiting .*\n  .*tailscaled is not running")
                with tailnet.Tailscaled(net, "server") as daemon:
                    os.symlink(daemon.socket, link)
                    proxy.wait_event("tailnet_listening", limit=60)
                    address = f"server.{net.domain}:{port}"
                    self.assertEqual(self.shown(directory), {"state": "open", "address": address, "reason": ""})
                gone = wait_for(lambda: (now := self.shown(directory))["state"] == "waiting" and now,
                                "the port is not served any more")
                self.assertEqual(gone["address"], address)
                self.assertIn("tailscaled", gone["reason"])

    def test_orders_are_taken_while_a_port_waits(self):
        with Target() as target, tempfile.TemporaryDirectory() as directory:
            port, admin = free_port(), f"{directory}/admin.sock"
            spec = spec_of(f"{directory}/none.sock", {f"{port}/http": {"targets": [target.url]}})
            spec["admin"] = {"socket": admin}
            with Proxy(spec):
                for order in ("drain", "enable"):
                    code, _, errors = run_command("targets", order, "web", f"{port}/http", target.url, "--socket", admin)
                    self.assertEqual((code, errors), (0, ""))
                self.order(admin, "PATCH", f"/v1/ports/web/{port}/http", {"strategy": "leastconn"})
                self.assertEqual(self.shown(directory)["state"], "waiting")
                self.order(admin, "POST", f"/v1/ports/web/{port}/http/drain")
                wait_for(lambda: self.shown(directory) is None, "the port is gone")

    def order(self, admin, method, path, body=None):
        with UnixConnection(admin) as client:
            data = None if body is None else json.dumps(body).encode()
            answer = client.request(method, path, [("Connection", "close")], data)
        self.assertLess(answer.status, 300, answer.body)


if __name__ == "__main__":
    tailnet.isolate()
    unittest.main(verbosity=2)
