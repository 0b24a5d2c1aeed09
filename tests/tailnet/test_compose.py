"""The compose files of TSDProxy's documentation and of its users, with the real docker-compose, dockerd and a tailnet."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tailnet

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from client import get  # noqa: E402
from containers import LIMIT, Dockerd, why_no_dockerd  # noqa: E402
from harness import Proxy  # noqa: E402
from loads import Load  # noqa: E402
from processes import free_port, wait_for  # noqa: E402
from real_servers import program  # noqa: E402

IMAGES = [("almeidapaulopt/tsdproxy:2", 8080), ("nextcloud:latest", 80), ("grafana/grafana:latest", 3000),
          ("prom/prometheus:latest", 9090), ("ghcr.io/home-assistant/home-assistant:stable", 8123),
          ("linuxserver/openssh-server:latest", 22), ("nginx:latest", 80)]


class Compose:
    def __init__(self, dockerd, name, **environment):
        self.command = [program("docker-compose", "docker-compose"), "--project-name", name, "--file", HERE / "compose" / f"{name}.yaml"]
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{dockerd.socket}", **environment}

    def __call__(self, *arguments):
        done = subprocess.run([*self.command, *arguments], env=self.environment, check=False, capture_output=True, text=True, timeout=2 * LIMIT)
        if done.returncode != 0:
            raise AssertionError(f"docker-compose {' '.join(arguments)}: {done.stderr}")

    def up(self, *arguments):
        self("up", "--detach", "--no-build", *arguments)

    def close(self):
        self("down", "--timeout", "1")


class ComposeCase(unittest.TestCase):
    dockerd = None  # of all tests; there is one when they begin

    def using(self, thing):
        self.addCleanup(thing.close)
        return thing

    def spec(self, **more):
        return json.dumps({"discovery": {"docker": {"host": f"unix://{self.dockerd.socket}"}}, **more})


class Documented(ComposeCase):
    def test_every_service_is_a_node_and_its_ports_answer(self):
        net = self.using(tailnet.Tailnet())
        if not net.has_authority:
            self.skipTest("pebble is not installed")
        net.start_client("laptop", login="ana@example.com")
        state = tempfile.TemporaryDirectory()
        self.addCleanup(state.cleanup)
        node = {"mode": "node", "controlUrl": net.control, "stateDir": state.name}
        with Proxy(self.spec(tailnet=node), "--verbose", ready=False, workers=2, env=net.environment()) as proxy:
            self.using(Compose(self.dockerd, "documented", TAILNET=net.domain)).up()
            proxy.wait_event("tailnet_serving", 10, limit=2 * LIMIT)
            web = ["cloud", "dash", "grafana", "homeassistant", "nginx-main", "prometheus", "udprange"]
            for name in web:
                with self.subTest(name):
                    whole = f"{name}.{net.domain}"
                    answer = net.http("laptop", f"https://{whole}/", caFile=net.ready["acmeRootFile"])
                    self.assertEqual((answer["status"], answer["certNames"]), (200, [whole]))
            redirect = net.http("laptop", f"http://cloud.{net.domain}/a?b=c")
            self.assertEqual((redirect["status"], redirect["headers"]["Location"]), (301, [f"https://cloud.{net.domain}"]))
            talk = net.tcp("laptop", f"ssh-server.{net.domain}:22", b"GET / HTTP/1.1\r\n\r\n", receiveBytes=15)
            self.assertEqual(talk["received"][:15], b"HTTP/1.1 200 OK")
            for port in (56000, 56001, 56002):
                got = net.udp("laptop", f"udprange.{net.domain}:{port}", b"hello", count=1, expect=1, timeout=10)
                self.assertEqual(got["received"], [b"hello"])
            self.assertEqual({node["name"] for node in net.status()}, {"laptop", "ssh-server", *web})
            self.assertEqual(proxy.events("docker_label_error"), [])


class Replicas(ComposeCase):
    def test_scale_to_five_and_to_two_and_no_get_fails(self):
        port = free_port()
        compose = self.using(Compose(self.dockerd, "replicas", PORT=str(port)))
        compose.up("--scale", "web=3")
        with Proxy(self.spec(listen="127.0.0.1"), ready=False) as proxy:
            proxy.wait_event("target_up", 3, limit=LIMIT)
            answering = lambda: len({get(port).body for _ in range(12)})  # noqa: E731
            with Load(port) as load:
                for count in (5, 2):
                    compose.up("--scale", f"web={count}")
                    wait_for(lambda: answering() == count, f"{count} replicas answer", LIMIT)  # noqa: B023
                done = load.done
                wait_for(lambda: load.done > done + 50, "load afterwards")
            self.assertEqual(load.failures, [])


if __name__ == "__main__":
    lacking = why_no_dockerd()
    if lacking:
        tailnet.skip(f"cannot run a dockerd here: {lacking}")
    tailnet.isolate("--mount")
    ComposeCase.dockerd = Dockerd()
    try:
        ComposeCase.dockerd.start()
        ComposeCase.dockerd.build(IMAGES)
        unittest.main(verbosity=2)
    finally:
        ComposeCase.dockerd.close()
