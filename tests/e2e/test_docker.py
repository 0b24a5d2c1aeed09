"""Containers of a real dockerd, by their labels. It runs in a network namespace of its own, and so does this test."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys

from backends import Backend, serve
from client import LOOPBACK, Client, UnixConnection, get
from containers import LIMIT, Dockerd, Relay, why_no_dockerd
from datagrams import Targets, free_ports, who_answers
from harness import E2eTest, Proxy, main
from loads import Load
from processes import free_port
from secure import Certificates, settings

INSIDE = "EVENKEEL_DOCKER_NAMESPACE"
CHECKS = {"evenkeel.health.type": "http", "evenkeel.health.interval": "200ms", "evenkeel.health.timeout": "1s"}


class DockerCase(E2eTest):
    dockerd = None  # of all tests; there is one when they begin

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.addCleanup(self.dockerd.remove_all)

    def run_one(self, name, labels, *options, image="web:1"):
        """Its host's name is its own."""
        given = [part for key, value in labels.items() for part in ("--label", f"{key}={value}")]
        self.dockerd.docker("run", "--detach", "--name", name, "--hostname", name, *given, *options, image)

    def labels(self, **more):
        return {"tsdproxy.enable": "true", "tsdproxy.name": "web", "tsdproxy.port.1": f"{self.port}/http:3000/http", **CHECKS,
                **more}

    def spec(self, **docker):
        # What was just sent to a container that is paused is sent to another one.
        return {"timeouts": {"response": "1s"}, "admin": {"socket": f"{self.dockerd.folder}/admin.sock"}, "discovery": {"docker": {"host": f"unix://{self.dockerd.socket}", **docker}}}

    def begin(self, spec=None, **options):
        self.proxy = self.using(Proxy(json.dumps(spec or self.spec()), **options))
        return self.proxy

    def ask(self, method, place, body=None):
        with UnixConnection(f"{self.dockerd.folder}/admin.sock") as client:
            answer = client.request(method, place, [], None if body is None else json.dumps(body).encode())
            self.assertLess(answer.status, 300, answer.body)
            return json.loads(answer.body or "null")

    def opened(self, port=None):
        def accepts():
            try:
                Client(port or self.port).close()
                return True
            except OSError:
                return False

        self.eventually(accepts, "the port is open")

    def answering(self, count=12):
        return {get(self.port).body.decode() for _ in range(count)}

    def answers_are(self, *names):
        self.eventually(lambda: self.answering() == set(names), f"{names} answer")


class Replicas(DockerCase):
    def test_replicas_come_and_go_under_load(self):
        for i in range(3):
            self.run_one(f"web-{i}", self.labels())
        self.begin()
        self.opened()
        self.answers_are("web-0", "web-1", "web-2")
        with Load(self.port) as load:
            self.eventually(lambda: load.done > 50, "load")
            for i in (3, 4):
                self.run_one(f"web-{i}", self.labels())
            self.answers_are(*(f"web-{i}" for i in range(5)))
            for i in (0, 2, 4):
                self.dockerd.docker("stop", f"web-{i}")
            self.answers_are("web-1", "web-3")
            self.run_one("web-5", self.labels())
            self.answers_are("web-1", "web-3", "web-5")
            self.dockerd.docker("kill", "web-1")
            self.answers_are("web-3", "web-5")
            self.dockerd.docker("pause", "web-3")
            self.answers_are("web-5")
            self.dockerd.docker("unpause", "web-3")
            self.answers_are("web-3", "web-5")
            done = load.done
            self.eventually(lambda: load.done > done + 50, "load afterwards")
        self.assertEqual(load.failures, [])

    def test_dockerd_itself_is_started_again(self):
        for i in range(2):
            self.run_one(f"web-{i}", self.labels())
        proxy = self.begin()
        self.opened()
        self.answers_are("web-0", "web-1")
        with Load(self.port) as load:
            self.eventually(lambda: load.done > 50, "load")
            self.dockerd.stop()
            proxy.wait_event("docker_unreachable")
            self.answers_are("web-0", "web-1")
            self.dockerd.start()
            proxy.wait_event("docker_reached", limit=LIMIT)
            self.run_one("web-2", self.labels())
            self.answers_are("web-0", "web-1", "web-2")
        self.assertEqual(load.failures, [])
        # What did not change was not touched.
        self.assertEqual([event["changed"] for event in proxy.events("reloaded")], ["0", "1"])

    def test_the_last_replica_takes_its_port_along(self):
        self.run_one("web-0", self.labels())
        proxy = self.begin()
        self.opened()
        self.dockerd.docker("rm", "--force", "web-0")
        proxy.wait_event("reloaded", removed="1")
        self.run_one("web-1", self.labels())
        self.opened()
        self.answers_are("web-1")

    def test_a_healthcheck_counts(self):
        for i in range(2):
            self.run_one(f"web-{i}", self.labels(), image="web:checked")
        self.begin()
        self.opened()
        self.answers_are("web-0", "web-1")
        with Load(self.port) as load:
            self.dockerd.docker("exec", "web-0", "/server", "sick")
            self.answers_are("web-1")
            self.dockerd.docker("exec", "web-0", "/server", "well")
            self.answers_are("web-0", "web-1")
        self.assertEqual(load.failures, [])

    def test_published_ports(self):
        self.run_one("web-0", self.labels(), "--publish", f"{LOOPBACK}::3000")
        self.run_one("web-1", self.labels(**{"evenkeel.weight": "2"}), "--publish", f"{LOOPBACK}::3000")
        self.begin(self.spec(reach="published"))
        self.opened()
        self.answers_are("web-0", "web-1")
        answers = [get(self.port).body for _ in range(12)]
        self.assertEqual(answers.count(b"web-1"), 8)


    def test_pauses_at_the_end_of_a_burst_are_seen(self):
        for i in range(2):
            self.run_one(f"web-{i}", self.labels())
        self.begin()
        self.opened()
        self.answers_are("web-0", "web-1")
        for _ in range(3):
            for action in ("pause", "unpause", "pause"):
                self.dockerd.docker(action, "web-0")
            self.answers_are("web-1")
            self.dockerd.docker("unpause", "web-0")
            self.answers_are("web-0", "web-1")

    def test_who_is_stopping_gets_no_work_because_the_events_were_cut(self):
        for i in range(2):
            # Which it does not hear.
            self.run_one(f"web-{i}", self.labels(**{"evenkeel.health": "false"}), "--stop-signal", "SIGQUIT")
        relay = self.using(contextlib.closing(Relay(self.dockerd.socket)))
        proxy = self.begin(self.spec(host=f"unix://{relay.path}"))
        self.opened()
        self.answers_are("web-0", "web-1")
        stop = [*self.dockerd.command, "stop", "--time", str(LIMIT), "web-0"]
        with subprocess.Popen(stop, stdout=subprocess.DEVNULL) as stopping:
            try:
                self.answers_are("web-1")
                for count in (1, 2):
                    relay.cut()
                    proxy.wait_event("docker_reached", count=count)
                self.run_one("web-2", self.labels(**{"evenkeel.health": "false"}))
                self.answers_are("web-1", "web-2")
            finally:
                self.dockerd.docker("kill", "web-0")
                stopping.wait(LIMIT)


class Labels(DockerCase):
    def test_a_wrong_label_is_told_and_costs_nobody_else(self):
        other = free_port()
        self.run_one("good", self.labels())
        self.run_one("typo", {"tsdproxy.enable": "true", "tsdproxy.port.1": f"{other}/htp:3000/http"})
        self.run_one("thief", {"evenkeel.enable": "true", "evenkeel.port.1": f"{self.port}/http:3000/http"})
        self.run_one("unknown", {"evenkeel.enable": "true", "evenkeel.port.1": f"{other}/http:3000/http",
                                 "evenkeel.port.1.loadbalance": "fastest"})
        proxy = self.begin()
        self.opened()
        self.assertEqual(self.answering(), {"good"})
        self.eventually(lambda: len(proxy.events("docker_label_error")) >= 3, "three are told")
        told = {(event["container"], event["label"]) for event in proxy.events("docker_label_error")}
        self.assertEqual(told, {("typo", "tsdproxy.port.1"), ("thief", "evenkeel.port.1"),
                                ("unknown", "evenkeel.port.1.loadbalance")})
        third = free_port()
        self.run_one("more", {**self.labels(), "tsdproxy.name": "more", "tsdproxy.port.1": f"{third}/http:3000/http"})
        self.opened(third)
        # Once is enough.
        self.assertEqual(len(proxy.events("docker_label_error")), 3, proxy.events("docker_label_error"))


    def test_a_replica_that_is_wrong_costs_itself_alone(self):
        other = free_port()
        self.run_one("web-0", self.labels(**{"tsdproxy.port.2": f"{other}/http:3000/http"}))
        proxy = self.begin()
        self.opened()
        self.opened(other)
        with Load(self.port) as load:
            self.run_one("web-1", self.labels(**{"evenkeel.weight": "heavy", "tsdproxy.port.2": f"{other}/http:3000/http"}))
            self.eventually(lambda: proxy.events("docker_label_error"), "it is told")
            self.assertEqual(self.answering(), {"web-0"})
        self.assertEqual(load.failures, [])
        self.assertEqual(get(other).body, b"web-0")
        self.assertEqual({event["label"] for event in proxy.events("docker_label_error")}, {"evenkeel.weight"})


    def test_labels_of_tsdproxy_for_nodes_cost_nothing_without_a_tailnet(self):
        labels = {**self.labels(), "tsdproxy.ephemeral": "true", "tsdproxy.tags": "tag:web"}
        for i in range(2):
            self.run_one(f"web-{i}", labels)
        proxy = self.begin()
        self.opened()
        self.answers_are("web-0", "web-1")
        told = sorted(event["label"] for event in proxy.events("docker_label_error"))
        self.assertEqual(told, ["tsdproxy.ephemeral", "tsdproxy.tags"], "once is enough")


class Ports(DockerCase):
    def test_a_port_that_cannot_be_had_costs_nobody_else_and_is_had_later(self):
        other = free_port()
        with socket.create_server((LOOPBACK, other)) as holder:
            self.run_one("web-0", self.labels())
            self.run_one("late", {**self.labels(), "tsdproxy.name": "late", "tsdproxy.port.1": f"{other}/http:3000/http"})
            spec = {"listen": LOOPBACK, **self.spec()}
            proxy = self.begin(spec)
            self.opened()
            proxy.wait_event("cannot_listen", proxy="late")
            self.run_one("web-1", self.labels())
            self.answers_are("web-0", "web-1")
            self.assertEqual(len(proxy.events("cannot_listen")), 1, "once is enough")
            self.assertEqual(proxy.events("reload_refused"), [])
            self.assertEqual(self.states(), {"web": "open", "late": "waiting"})
            late = next(each for each in self.ask("GET", "/v1/status")["ports"] if each["proxy"] == "late")
            self.assertIn("in use", late["reason"])
            holder.close()
            self.eventually(lambda: self.answer_of(other) == b"late", "the port is served once it is free")
            proxy.wait_event("port_had", proxy="late")

    def states(self):
        return {each["proxy"]: each["state"] for each in self.ask("GET", "/v1/status")["ports"]}

    def test_a_port_that_waits_can_be_drained(self):
        with socket.create_server((LOOPBACK, 0)) as holder:
            other = holder.getsockname()[1]
            self.run_one("late", {**self.labels(), "tsdproxy.name": "late", "tsdproxy.port.1": f"{other}/http:3000/http"})
            proxy = self.begin({"listen": LOOPBACK, **self.spec()})
            proxy.wait_event("cannot_listen", proxy="late")
            self.ask("POST", f"/v1/ports/late/{other}/http/drain")
            self.assertEqual(self.states(), {})
            self.run_one("web-0", self.labels())
            self.opened()
            self.assertEqual(self.states(), {"web": "open"})

    def test_the_spec_takes_datagrams_that_a_container_has(self):
        first = free_ports(4)
        self.run_one("game", {"evenkeel.enable": "true", "evenkeel.name": "game", "evenkeel.port.1": f"{first}-{first + 3}/udp:7000-7003/udp"})
        proxy = self.begin()
        self.eventually(lambda: self.states() == {"game": "open"}, "the container's port is open")
        target = self.using(Targets())
        mine = {"mine": {"ports": {f"{first + 1}/udp": {"targets": target.urls, "health": False}}}}
        with open(proxy.spec_path, "w", encoding="ascii") as file:
            json.dump({**self.spec(), "proxies": mine}, file)
        proxy.signal(signal.SIGHUP)
        self.eventually(lambda: self.states() == {"mine": "open"}, "the spec's port is open")
        proxy.wait_event("docker_label_error", container="game")
        self.assertEqual(proxy.events("reload_refused"), [])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            client.connect((LOOPBACK, first + 1))
            self.eventually(lambda: who_answers(client) == 0, "its target answers")

    def test_a_certificate_that_comes_later(self):
        certificates = self.using(Certificates())
        pair = certificates.self_signed("localhost")
        os.rename(pair[0], f"{pair[0]}.later")
        self.run_one("web-0", self.labels(**{"tsdproxy.port.1": f"{self.port}/https:3000/http"}))
        proxy = self.begin({**self.spec(), "tls": settings(pair)})
        proxy.wait_event("docker_label_error", container="web-0")
        os.rename(f"{pair[0]}.later", pair[0])
        self.opened()
        self.assertEqual(len(proxy.events("docker_label_error")), 1, "once is enough")

    @staticmethod
    def answer_of(port):
        try:
            return get(port).body
        except OSError:
            return None

    def test_a_replica_does_not_take_the_port_of_another_proxy(self):
        other = free_port()
        self.run_one("a-web", self.labels())
        self.run_one("b-shop", {**self.labels(), "tsdproxy.name": "shop", "tsdproxy.port.1": f"{other}/http:3000/http"})
        proxy = self.begin()
        self.opened()
        self.opened(other)
        self.run_one("a-web-2", self.labels(**{"tsdproxy.port.2": f"{other}/http:3000/http"}))
        self.answers_are("a-web", "a-web-2")
        told = proxy.wait_event("docker_label_error")
        self.assertEqual([(each["container"], each["label"]) for each in told], [("a-web-2", "tsdproxy.port.2")])
        self.assertEqual(get(other).body, b"b-shop")


    def test_a_rollout_keeps_the_port_although_another_proxy_wants_it(self):
        self.run_one("web-0", self.labels())
        self.begin()
        self.opened()
        self.run_one("thief", {**self.labels(), "tsdproxy.name": "thief"})
        self.proxy.wait_event("docker_label_error", container="thief")
        self.run_one("web-1", self.labels())
        self.answers_are("web-0", "web-1")
        self.dockerd.docker("rm", "--force", "web-0")
        self.answers_are("web-1")

    def test_a_certificate_that_is_being_written_costs_no_port_of_another_container(self):
        certificates = self.using(Certificates())
        pair = certificates.self_signed("localhost")
        spec = {**self.spec(), "tls": settings(pair)}
        self.run_one("web-0", self.labels(**{"tsdproxy.port.1": f"{self.port}/https:3000/http"}))
        proxy = self.begin(spec)
        self.opened()
        os.truncate(pair[1], 100)
        other = free_port()
        self.run_one("other", {**self.labels(), "tsdproxy.name": "other", "tsdproxy.port.1": f"{other}/http:3000/http"})
        self.opened(other)
        self.assertEqual([each["removed"] for each in proxy.events("reloaded")], ["0", "0"])
        self.opened()


class Specs(DockerCase):
    def test_a_file_that_is_half_written_costs_no_container_its_place(self):
        self.run_one("web-0", self.labels())
        proxy = self.begin()
        self.opened()
        with open(proxy.spec_path, "w", encoding="ascii") as file:
            file.write('{"listen": ')
        self.run_one("web-1", self.labels())
        self.answers_are("web-0", "web-1")
        self.assertEqual(proxy.events("reload_refused"), [])
        proxy.signal(signal.SIGHUP)
        proxy.wait_event("reload_refused")
        self.run_one("web-2", self.labels())
        self.answers_are("web-0", "web-1", "web-2")

    def test_an_edit_waits_until_somebody_asks_for_it(self):
        self.run_one("web-0", self.labels())
        proxy = self.begin()
        self.opened()
        other = free_port()
        spec = {**self.spec(), "proxies": {"mine": {"ports": {f"{other}/http": {"redirect": "https://example.com"}}}}}
        with open(proxy.spec_path, "w", encoding="ascii") as file:
            json.dump(spec, file)
        self.run_one("web-1", self.labels())
        self.answers_are("web-0", "web-1")
        self.assertRaises(OSError, get, other)
        proxy.signal(signal.SIGHUP)
        self.opened(other)
        self.answers_are("web-0", "web-1")

    def test_a_reload_that_containers_could_not_live_with_is_refused(self):
        self.run_one("web-0", self.labels())
        proxy = self.begin()
        self.opened()
        for number, mistake in enumerate(({"allow": ["ana@example.com"]}, {"tailnet": {"stateDir": "/x"}}), 1):
            with open(proxy.spec_path, "w", encoding="ascii") as file:
                file.write("// comments are allowed\n")
                json.dump({**self.spec(), **mistake}, file)
            proxy.signal(signal.SIGHUP)
            self.eventually(lambda: len(proxy.events("reload_refused")) == number, mistake)  # noqa: B023
            self.answers_are("web-0")
        self.assertEqual(proxy.events("spec_error")[0]["pointer"], "docker:web-0#tsdproxy.port.1")
        # Nor is it in the way of one that wants containers' places itself.
        other = self.using(Backend(serve()))
        with open(proxy.spec_path, "w", encoding="ascii") as file:
            json.dump({**self.spec(), "proxies": {"mine": {"ports": {f"{self.port}/http": {"targets": [other.url]}}}}}, file)
        proxy.signal(signal.SIGHUP)
        self.eventually(lambda: get(self.port).status == 200 and len(other.requests) > 0, "the spec's own answers")

    def test_what_operators_say_outlives_what_happens_to_containers(self):
        other = free_port()
        self.run_one("web-0", self.labels(**{"tsdproxy.port.2": f"{other}/http:3000/http"}))
        proxy = self.begin()
        self.opened()
        self.opened(other)
        self.ask("PATCH", f"/v1/ports/web/{self.port}/http", {"strategy": "first"})
        self.ask("POST", f"/v1/ports/web/{other}/http/drain")
        self.run_one("web-1", self.labels(**{"tsdproxy.port.2": f"{other}/http:3000/http"}))
        proxy.wait_event("reloaded", changed="1")

        def ports():
            return {each["port"]: (each["strategy"], len(each["targets"]), each["targets"][0]["source"])
                    for each in self.ask("GET", "/v1/status")["ports"] if each["state"] == "open"}

        self.assertEqual(ports(), {f"{self.port}/http": ("first", 2, "discovery")})
        proxy.signal(signal.SIGHUP)
        self.opened(other)
        self.assertEqual({strategy for strategy, *_ in ports().values()}, {"roundrobin"})

    def test_a_spec_that_was_piped(self):
        self.run_one("web-0", self.labels())
        self.begin(piped=True)
        self.opened()
        self.run_one("web-1", self.labels())
        self.answers_are("web-0", "web-1")


class Absent(E2eTest):
    def test_a_dockerd_that_is_not_there_is_told_once_and_asked_again(self):
        dockerd = Dockerd()
        self.addCleanup(dockerd.close)
        spec = {"discovery": {"docker": {"host": f"unix://{dockerd.socket}"}}}
        proxy = self.using(Proxy(json.dumps(spec)))
        proxy.wait_event("docker_unreachable")
        dockerd.start()
        proxy.wait_event("docker_reached", limit=LIMIT)
        self.assertEqual(len(proxy.events("docker_unreachable")), 1)


class Events(DockerCase):
    def test_a_dockerd_that_refuses_its_events_is_not_reached(self):
        relay = self.using(contextlib.closing(Relay(self.dockerd.socket, refused=b"/events")))
        proxy = self.begin({"discovery": {"docker": {"host": f"unix://{relay.path}"}}})
        self.eventually(lambda: relay.passed >= 3, "it was asked three times")
        self.assertEqual((len(proxy.events("docker_unreachable")), len(proxy.events("docker_reached"))), (1, 0))
        relay.refused = None
        proxy.wait_event("docker_reached")


def skip(reason):
    if os.environ.get("EVENKEEL_DOCKER_REQUIRED") == "1":
        sys.exit(f"cannot run a dockerd: {reason}")
    print(f"SKIPPED: cannot run a dockerd here: {reason}")
    sys.exit(77)


if __name__ == "__main__":
    if lacking := why_no_dockerd():
        skip(lacking)
    if os.environ.get(INSIDE) != "1":
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    DockerCase.dockerd = Dockerd()
    try:
        try:
            DockerCase.dockerd.start()
            DockerCase.dockerd.build()
            DockerCase.dockerd.docker("run", "--rm", "--publish", f"{LOOPBACK}::3000", "web:1", "/server", "check")
        except (AssertionError, subprocess.SubprocessError) as error:
            skip(error)
        main()
    finally:
        DockerCase.dockerd.close()
