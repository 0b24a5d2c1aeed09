"""A spec that is read again while requests are under way: what changes, what stays, and what is refused."""

import json
import os
import resource
import signal
import socket
import tempfile
import time

import harness
from backends import Backend, serve
from client import Client, get
from datagrams import Session, Targets, free_ports, who_answers
from greeters import greet, url_of
from harness import E2eTest, Proxy, main, port_of, spec_of
from loads import Load
from secure import Certificates, get_tls, settings, trusting

CHECKS = {"type": "tcp", "interval": "100ms", "timeout": "1s", "rise": 1, "fall": 1}


class ReloadCase(E2eTest):
    def begin(self, spec, *args, **options):
        self.proxy = self.using(Proxy(spec, *args, **options))
        return self.proxy

    def write(self, spec):
        with open(self.proxy.spec_path, "w", encoding="utf-8") as file:
            file.write(spec if isinstance(spec, str) else json.dumps(spec))

    def reload(self, spec, **told):
        before = len(self.proxy.events("reloaded"))
        self.write(spec)
        self.proxy.signal(signal.SIGHUP)
        self.eventually(lambda: len(self.proxy.events("reloaded")) > before, "it is reloaded")
        told = {key: str(value) for key, value in told.items()}
        last = self.proxy.events("reloaded")[-1]
        self.assertEqual({key: last[key] for key in told}, told)

    def refused(self, spec):
        before = len(self.proxy.events("reload_refused"))
        self.write(spec)
        self.proxy.signal(signal.SIGHUP)
        self.eventually(lambda: len(self.proxy.events("reload_refused")) > before, "it is refused")

    def backends(self, count):
        return [self.using(Backend(serve())) for _ in range(count)]

    def opened(self, port):
        """A new port listens when its targets have been checked, which is after the reload is told."""
        self.eventually(lambda: self.accepts(port), "the new port listens")

    @staticmethod
    def accepts(port, host="127.0.0.1"):
        try:
            with socket.create_connection((host, port), 5):
                return True
        except OSError:
            return False

    @staticmethod
    def answers(port, host="127.0.0.1"):
        try:
            with Client(port, host) as client:
                return client.request().status == 200
        except (OSError, EOFError):
            return False


class Changed(ReloadCase):
    def test_nothing_is_nothing(self):
        backends = self.backends(2)
        spec = spec_of(port_of(backends))
        self.begin(spec)
        client = self.using(Client(self.proxy.port))
        self.assertEqual(client.request().status, 200)
        self.reload(spec, unchanged=1, changed=0, added=0, removed=0)
        self.assertEqual(client.request().status, 200)
        # The connection to the target was kept, too.
        self.assertEqual(sum(len(backend.peers) for backend in backends), 2)

    def test_targets_come_and_go_and_their_counts_stay(self):
        first, second, third = self.backends(3)
        port = port_of([first, second], health=CHECKS)
        self.begin(spec_of(port))
        self.proxy.wait_up(first, second)
        number = port[0]
        self.reload(spec_of(port_of([second, third], number, health=CHECKS)), changed=1, unchanged=0)
        self.proxy.wait_up(third)
        self.eventually(lambda: get(number).status == 200 and len(third.requests) > 0, "the new one gets requests")
        asked = len(first.requests)
        for _ in range(10):
            self.assertEqual(get(number).status, 200)
        self.assertEqual(len(first.requests), asked)
        # The one that stayed was not checked anew: it was never down, and is not told of again.
        self.assertEqual(len([line for line in self.proxy.events("target_up") if line["target"] == second.url]), 1)

    def test_options_change_and_connections_stay(self):
        backend, = self.backends(1)
        port = port_of([backend], accessLog=True)
        self.begin(spec_of(port))
        client = self.using(Client(port[0]))
        self.assertEqual(client.request().status, 200)
        self.reload(spec_of(port_of([backend], port[0], accessLog=True, via="keel")), changed=1)
        new = self.using(Client(port[0]))
        self.assertEqual(new.request().status, 200)
        self.assertEqual(backend.requests[-1].get("via"), "1.1 keel")
        # The old connection is told to close, after its answer.
        response = client.request()
        self.assertEqual((response.status, response.closes), (200, True))

    def test_who_came_before_a_change_of_the_limits_counts(self):
        backend, = self.backends(1)
        port = port_of([backend], limits={"connections": 3}, perClient={"connections": 5})
        self.begin(spec_of(port), workers=2)
        held = [self.using(Client(port[0])) for _ in range(3)]
        for client in held:
            self.assertEqual(client.request().status, 200)
        for limit, burst in ((2, 1), (3, 2)):
            self.reload(spec_of(port_of([backend], port[0], limits={"connections": limit},
                                        perClient={"connections": 5, "requestsPerSecond": 1000, "burst": burst})), changed=1)
            with Client(port[0]) as client:
                self.assertEqual(client.read_response().status, 503)
        self.reload(spec_of(port_of([backend], port[0], limits={"connections": 9}, perClient={"connections": 3})), changed=1)
        with Client(port[0]) as client:
            self.assertEqual(client.read_response().status, 429)

    def test_clients_of_a_udp_port_are_answered_through_a_reload_though_its_sessions_are_all_taken(self):
        targets = self.using(Targets(1))
        number = free_ports(1)
        port = lambda **more: port_of(targets.urls, number, key="udp", limits={"sessions": 3}, **more)  # noqa: E731
        for workers in (1, 3):
            with self.subTest(workers=workers):
                self.begin(spec_of(port()), workers=workers)
                clients = [self.using(Session(number)).socket for _ in range(3)]
                for client in clients:
                    self.assertEqual(who_answers(client), 0)
                self.reload(spec_of(port(accessLog=True)), changed=1)
                for client in clients:
                    self.assertEqual(who_answers(client), 0)
                self.proxy.stop()

    def test_ports_come_and_go(self):
        backend, = self.backends(1)
        first, second = port_of([backend]), port_of([backend])
        self.begin(spec_of(first))
        self.reload(spec_of(first, second), added=1, unchanged=1)
        self.eventually(lambda: self.answers(second[0]), "the new port answers")
        self.reload(spec_of(second), removed=1, unchanged=1)
        self.eventually(lambda: not self.accepts(first[0]), "the old port is closed")
        self.assertEqual(get(second[0]).status, 200)
        # Its address is free for others.
        self.eventually(lambda: self.can_bind(first[0]), "the address is free")

    @staticmethod
    def can_bind(port):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return True
        except OSError:
            return False

    def test_a_port_becomes_another_protocol_on_the_same_socket(self):
        backend, = self.backends(1)
        certificates = self.using(Certificates())
        pair = certificates.self_signed("localhost")
        port = port_of([backend])
        self.begin(spec_of(port))
        self.reload(spec_of(port_of([backend], port[0], key="https", tls=settings(pair))), changed=1)
        self.eventually(lambda: self.gets_tls(port[0], pair), "it speaks TLS")
        greeter = self.using(Backend(greet))
        self.reload(spec_of(port_of([url_of(greeter)], port[0], key="tcp")), changed=1)
        with Client(port[0]) as client:
            self.assertTrue(client.more())

    @staticmethod
    def gets_tls(port, pair):
        try:
            return get_tls(port, trusting(pair[0]), name="localhost").status == 200
        except OSError:
            return False

    def test_who_outlived_a_change_ends_with_the_port(self):
        backend = self.using(Backend(echoing))
        port, other = port_of([backend]), port_of([backend])
        self.begin(spec_of(port, other))
        client = self.using(Client(port[0]))
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        self.assertEqual(client.read_response().status, 101)
        self.reload(spec_of(port_of([backend], port[0], accessLog=True), other), changed=1)
        client.send(b"still here")
        self.assertEqual(client.read_exactly(10), b"still here")
        self.reload(spec_of(other, drainTimeout="300ms"), removed=1, unchanged=1)
        self.assertEqual(client.read_to_end(), b"")

    def test_a_port_listens_at_another_address(self):
        backend, = self.backends(1)
        port = port_of([backend], listen="127.0.0.1")
        self.begin(spec_of(port))
        number = port[0]
        self.reload(spec_of(port_of([backend], number, listen="0.0.0.0")), added=1, removed=1)
        self.eventually(lambda: self.answers(number, "127.0.0.2"), "it listens everywhere")
        self.reload(spec_of(port_of([backend], number, listen="127.0.0.2")), added=1, removed=1)
        self.eventually(lambda: not self.answers(number), "it listens there alone")
        self.assertTrue(self.answers(number, "127.0.0.2"))

    def test_a_port_beside_a_stranger_s_is_refused(self):
        backend, = self.backends(1)
        port = port_of([backend], listen="127.0.0.1")
        self.begin(spec_of(port))
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            stranger.bind(("127.0.0.2", port[0]))
            stranger.listen()
            self.refused(spec_of(port_of([backend], port[0], listen="127.0.0.2")))
        self.assertTrue(self.answers(port[0]))

    def test_a_udp_port_for_which_more_is_in_the_way_is_refused(self):
        first = free_ports(4)
        self.using(Targets(2, first))

        def spec(count, listen):
            def numbers(of):
                return f"{of}" if count == 1 else f"{of}-{of + count - 1}"

            port = {"targets": [f"udp://127.0.0.1:{numbers(first)}"], "health": False, "listen": listen}
            return spec_of((first + 2, f"{numbers(first + 2)}/udp", port))

        self.begin(spec(1, "0.0.0.0"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            stranger.bind(("127.0.0.1", first + 3))
            self.refused(spec(2, "0.0.0.0"))
            self.refused(spec(1, "192.0.2.1"))
            client.settimeout(0.2)
            client.connect(("127.0.0.1", first + 2))
            self.eventually(lambda: who_answers(client) == 0, "what runs goes on")

    def test_datagrams_of_a_range_go_to_another_once_they_are_no_longer_read(self):
        first = free_ports(8)
        self.using(Targets(5, first))
        ports = range(first + 5, first + 8)

        def spec(of, to, target):
            port = {"targets": [f"udp://127.0.0.1:{target}-{target + to - of}"], "health": False, "timeouts": {"idle": "500ms"}}
            return spec_of((of, f"{of}-{to}/udp", port))

        self.begin(spec(ports[0], ports[1], first))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            client.connect(("127.0.0.1", ports[1]))
            self.assertEqual(who_answers(client), 1)
            self.reload(spec(ports[1], ports[2], first + 2), added=0, removed=1)
            self.proxy.wait_event("port_had", port=f"{ports[1]}-{ports[2]}/udp")
            self.eventually(lambda: who_answers(client) == 2, "the other range has it")

    def test_reloads_in_a_row_keep_no_port_shut(self):
        backend, = self.backends(1)
        port = port_of([backend])
        self.begin(spec_of(port))
        with socket.create_server(("127.0.0.1", 0)) as silent:
            # Its first check lasts longer than anybody waits for it.
            slow = port_of([f"http://127.0.0.1:{silent.getsockname()[1]}"], health={"type": "http", "interval": "60s", "timeout": "60s"})
            self.write(spec_of(port, slow))
            begun = time.monotonic()

            def is_open():
                self.proxy.signal(signal.SIGHUP)
                return self.accepts(slow[0])

            self.eventually(is_open, "the port opens while reloads go on", limit=10)
            self.assertGreater(len(self.proxy.events("reloaded")), 3, f"in {time.monotonic() - begun:.1f} s")

    def test_what_needs_a_restart_is_said(self):
        backend, = self.backends(1)
        port = port_of([backend])
        self.begin(spec_of(port, workers=1), workers=1)
        directory = self.using(tempfile.TemporaryDirectory())
        self.reload(spec_of(port, drainTimeout="3s", discovery={"files": directory}), unchanged=1)
        self.assertEqual([event["key"] for event in self.proxy.events("restart_needed")], ["discovery"])
        self.proxy.signal(signal.SIGTERM)
        self.assertEqual(self.proxy.wait(), 0)
        self.assertEqual(self.proxy.events("draining")[0]["timeout"], "3000ms")


class Refused(ReloadCase):
    def test_a_bad_spec_is_told_whole_and_changes_nothing(self):
        backend, = self.backends(1)
        port = port_of([backend])
        self.begin(spec_of(port))
        self.refused({"proxies": {"e2e": {"ports": {"99999/http": {}, f"{port[0]}/http": {"targts": []}}}}})
        told = {line["pointer"] for line in self.proxy.events("spec_error")}
        self.assertGreaterEqual(told, {"/proxies/e2e/ports/99999~1http", f"/proxies/e2e/ports/{port[0]}~1http/targts"})
        self.refused("{")
        self.assertEqual(get(port[0]).status, 200)
        self.reload(spec_of(port), unchanged=1)

    def test_a_port_that_cannot_be_had_changes_nothing(self):
        backend, = self.backends(1)
        port = port_of([backend])
        self.begin(spec_of(port))
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = port_of([backend], other.getsockname()[1])
            self.refused(spec_of(taken))
            self.assertIn("another program", self.proxy.wait_event("cannot_listen")[0]["hint"])
        self.assertEqual(get(port[0]).status, 200)
        self.reload(spec_of(port, taken), added=1)


class Watched(ReloadCase):
    def test_a_file_that_is_replaced(self):
        first, second = self.backends(2)
        port = port_of([first])
        self.begin(spec_of(port), "--watch")
        temporary = self.proxy.spec_path + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(spec_of(port_of([second], port[0])), file)
        os.replace(temporary, self.proxy.spec_path)
        self.proxy.wait_event("reloaded", changed="1")
        self.assertEqual(get(port[0]).status, 200)
        self.assertEqual(len(second.requests), 1)

    def test_a_symbolic_link_that_is_moved_as_config_maps_do(self):
        first, second = self.backends(2)
        port = port_of([first])
        self.begin(spec_of(port), "--watch")
        path = self.proxy.spec_path
        directory = self.using(tempfile.TemporaryDirectory())
        for name, backend in (("1", first), ("2", second)):
            os.mkdir(f"{directory}/{name}")
            with open(f"{directory}/{name}/spec.json", "w", encoding="utf-8") as file:
                json.dump(spec_of(port_of([backend], port[0])), file)
        os.symlink("1", f"{directory}/data")
        os.unlink(path)
        os.symlink(f"{directory}/data/spec.json", path)
        self.proxy.wait_event("reloaded")
        os.symlink("2", f"{directory}/new")
        os.replace(f"{directory}/new", f"{directory}/data")
        self.proxy.wait_event("reloaded", changed="1")
        self.assertEqual(get(port[0]).status, 200)
        self.assertEqual(len(second.requests), 1)


class Fragments(ReloadCase):
    def put(self, name, spec):
        temporary = f"{self.directory}/.{name}.new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(spec if isinstance(spec, str) else json.dumps(spec))
        os.replace(temporary, f"{self.directory}/{name}")

    def setUp(self):
        super().setUp()
        self.directory = self.using(tempfile.TemporaryDirectory())
        self.first, self.second = self.backends(2)
        self.port = port_of([self.first])
        self.begin({**spec_of(self.port), "discovery": {"files": self.directory}})

    def test_files_come_change_and_go(self):
        added = port_of([self.second])
        self.put("more.json", spec_of(added))
        self.proxy.wait_event("reloaded", added="1", unchanged="1")
        self.opened(added[0])
        self.assertEqual(get(added[0]).status, 200)
        self.assertEqual(len(self.second.requests), 1)
        self.put("more.json", spec_of(port_of([self.first], added[0])))
        self.proxy.wait_event("reloaded", changed="1", unchanged="1")
        self.assertEqual(get(added[0]).status, 200)
        self.assertEqual(len(self.second.requests), 1)
        os.unlink(f"{self.directory}/more.json")
        self.proxy.wait_event("reloaded", removed="1", unchanged="1")
        self.eventually(lambda: not self.accepts(added[0]), "its port is closed")
        self.assertEqual(get(self.port[0]).status, 200)

    def test_a_link_that_is_moved_as_config_maps_do(self):
        added = port_of([self.first])
        for name, backend in (("..1", self.first), ("..2", self.second)):
            os.mkdir(f"{self.directory}/{name}")
            with open(f"{self.directory}/{name}/more.json", "w", encoding="utf-8") as file:
                json.dump(spec_of(port_of([backend], added[0])), file)
        os.symlink("..1", f"{self.directory}/..data")
        os.symlink("..data/more.json", f"{self.directory}/more.json")
        self.proxy.wait_event("reloaded", added="1")
        os.symlink("..2", f"{self.directory}/..new")
        os.replace(f"{self.directory}/..new", f"{self.directory}/..data")
        self.proxy.wait_event("reloaded", changed="1")
        self.opened(added[0])
        self.assertEqual(get(added[0]).status, 200)
        self.assertEqual(len(self.second.requests), 1)

    def test_a_bad_file_is_named_and_changes_nothing(self):
        self.put("bad.json", {"proxies": {"p": {"ports": {"80/htp": {"targets": ["a:1"]}}}}})
        self.put("half.json", "{")
        self.proxy.wait_event("reload_refused")
        pointers = {event["pointer"] for event in self.proxy.events("spec_error")}
        self.assertIn("bad.json#/proxies/p/ports/80~1htp", pointers)
        self.assertEqual(get(self.port[0]).status, 200)
        os.unlink(f"{self.directory}/bad.json")
        os.unlink(f"{self.directory}/half.json")
        self.proxy.wait_event("reloaded", unchanged="1")


    def test_a_directory_that_is_another_one_by_now(self):
        os.rename(self.directory, self.directory + ".old")
        os.mkdir(self.directory)
        os.rmdir(self.directory + ".old")
        before = len(self.proxy.events("reloaded"))
        self.proxy.signal(signal.SIGHUP)
        self.eventually(lambda: len(self.proxy.events("reloaded")) > before, "it is read again")
        added = port_of([self.second])
        self.put("more.json", spec_of(added))
        self.proxy.wait_event("reloaded", added="1")
        self.opened(added[0])
        self.assertEqual(get(added[0]).status, 200)


# Both ends of each are in this process, and both sides of it in the proxy: fewer where so many descriptors are not
# to be had.
SPARE = 1_000
DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
SOCKETS = min(10_000, (DESCRIPTORS - SPARE) // 2) if harness.FULL else 50


class UnderLoad(ReloadCase):
    def test_a_hundred_reloads_and_no_request_fails(self):
        backends = self.backends(4)
        port = port_of(backends[:2], health=CHECKS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        self.begin(spec_of(port), workers=2)
        self.proxy.wait_up(*backends[:2])
        number = port[0]
        sockets = self.sockets(number, SOCKETS)
        with Load(number) as load:
            self.eventually(lambda: load.done > 20, "load")
            for turn in range(100):
                chosen = [backends[turn % 4], backends[(turn + 1) % 4], backends[(turn + 2) % 4]]
                options = {"via": f"keel{turn}"} if turn % 3 == 0 else {}
                strategy = "leastconn" if turn % 5 == 0 else "roundrobin"
                self.reload(spec_of(port_of(chosen, number, health=CHECKS, loadbalance=strategy, **options)), changed=1)
            done = load.done
            self.eventually(lambda: load.done > done + 20, "load afterwards")
        self.assertEqual(load.failures, [])
        for client in sockets:
            client.send(b"still here")
            self.assertEqual(client.read_exactly(10), b"still here")

    def sockets(self, port, count):
        """Upgraded connections, which must outlive every reload."""
        clients = []
        for _ in range(count):
            client = self.using(Client(port))
            client.send(b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            self.assertEqual(client.read_response().status, 101)
            clients.append(client)
        return clients

    def backends(self, count):
        return [self.using(Backend(echoing)) for _ in range(count)]


def echoing(peer):
    """HTTP, and after an upgrade whatever comes goes back."""
    while True:
        request = peer.read_request()
        if request is None:
            return
        if request.get("upgrade"):
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while peer.buffer or peer.more():
                data, peer.buffer = peer.buffer, b""
                peer.send(data)
            return
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


if __name__ == "__main__":
    main()
