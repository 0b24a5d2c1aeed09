"""Sockets that a service manager has handed over, and what it is told: sd_listen_fds(3) and sd_notify(3)."""

import json
import os
import signal
import socket
import tempfile
import time

from backends import Backend, serve
from client import Client, get
from datagrams import Session, Targets
from harness import E2eTest, Proxy, main, port_of, spec_of
from loads import Load


class ManagedCase(E2eTest):
    def listening(self):
        return self.using(socket.create_server(("127.0.0.1", 0)))

    @staticmethod
    def port_on(listening, *targets, **options):
        return port_of(targets, listening.getsockname()[1], listen="127.0.0.1", **options)


class HandedOver(ManagedCase):
    def setUp(self):
        super().setUp()
        self.backend = self.using(Backend(serve()))
        self.listening = self.listening()
        self.port = self.port_on(self.listening, self.backend)

    def test_a_port_accepts_on_the_socket_that_was_handed_over(self):
        for workers in (1, 3):
            with Proxy(spec_of(self.port), workers=workers, sockets=[self.listening]) as proxy:
                self.assertEqual(get(self.port[0]).status, 200)
                self.assertEqual(proxy.events("socket_unused"), [])
        # Whoever comes now waits for the next one, and is not refused.
        with Client(self.port[0]) as client:
            client.send_request()
            self.using(Proxy(spec_of(self.port), sockets=[self.listening]))
            self.assertEqual(client.read_response().status, 200)

    def test_another_process_takes_over_under_load(self):
        old = self.using(Proxy(spec_of(self.port), workers=2, sockets=[self.listening]))
        with Load(self.port[0], forgives=True) as load:
            for _ in range(4):
                new = self.using(Proxy(spec_of(self.port), workers=2, sockets=[self.listening]))
                old.signal(signal.SIGTERM)
                self.assertEqual(old.wait(), 0)
                done = load.done
                self.eventually(lambda: load.done > done + 200, "requests go on")
                old = new
        self.assertEqual(load.failures, [])

    def test_a_port_that_goes_and_comes_back_has_its_socket_again(self):
        other = port_of([self.backend])
        proxy = self.using(Proxy(spec_of(self.port, other), sockets=[self.listening]))
        for ports, told in (((other,), {"removed": "1"}), ((self.port, other), {"added": "1"})):
            with open(proxy.spec_path, "w", encoding="utf-8") as file:
                json.dump(spec_of(*ports), file)
            proxy.signal(signal.SIGHUP)
            proxy.wait_event("reloaded", **told)
        self.assertEqual(get(self.port[0]).status, 200)

    def test_where_the_socket_is_another_s_a_reload_is_refused(self):
        proxy = self.using(Proxy(spec_of(self.port), sockets=[self.listening]))
        number, key, value = self.port
        with open(proxy.spec_path, "w", encoding="utf-8") as file:
            json.dump(spec_of((number, key, {**value, "listen": "0.0.0.0"})), file)
        proxy.signal(signal.SIGHUP)
        proxy.wait_event("reload_refused")
        self.assertEqual(get(number).status, 200)

    def test_sockets_that_share_a_place_are_all_used(self):
        first, second = (self.using(socket.socket()) for _ in range(2))
        for each in (first, second):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(("127.0.0.1", first.getsockname()[1]))
            each.listen()
        port = self.port_on(first, self.backend)
        proxy = self.using(Proxy(spec_of(port), sockets=[first, second]))
        for _ in range(20):
            self.assertEqual(get(port[0]).status, 200)
        self.assertEqual(proxy.events("socket_unused"), [])

    def test_what_nobody_uses_is_said(self):
        other = self.listening
        port = port_of([self.backend])
        proxy = self.using(Proxy(spec_of(port), sockets=[other]))
        told = proxy.wait_event("socket_unused")[0]
        self.assertEqual(told["address"], f"127.0.0.1:{other.getsockname()[1]}")
        self.assertEqual(get(port[0]).status, 200)

    def test_what_is_another_process_s_is_left_alone(self):
        port = port_of([self.backend])
        proxy = self.using(Proxy(spec_of(port), sockets=[self.listening], env={"LISTEN_PID": "1"}))
        self.assertEqual(get(port[0]).status, 200)
        self.assertEqual(proxy.events("socket_unused"), [])

    def test_datagrams(self):
        targets = self.using(Targets())
        bound = self.using(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        bound.bind(("127.0.0.1", 0))
        port = self.port_on(bound, *targets.urls, key="udp")
        self.using(Proxy(spec_of(port), workers=2, sockets=[bound]))
        with Session(port[0], timeout=20) as client:
            self.assertEqual(client.ask()[0], 0)


class Told(ManagedCase):
    def test_ready_reloading_and_stopping(self):
        directory = self.using(tempfile.TemporaryDirectory())
        manager = self.using(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.settimeout(20)
        manager.bind(f"{directory}/notify")
        backend = self.using(Backend(serve()))
        port = port_of([backend])
        proxy = self.using(Proxy(spec_of(port), env={"NOTIFY_SOCKET": f"{directory}/notify"}))
        self.assertEqual(manager.recv(1000), b"READY=1")
        for spec in (json.dumps(spec_of(port)), "{"):
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            with open(proxy.spec_path, "w", encoding="utf-8") as file:
                file.write(spec)
            proxy.signal(signal.SIGHUP)
            first, second = manager.recv(1000).decode().split("\n")
            self.assertEqual(first, "RELOADING=1")
            name, _, value = second.partition("=")
            self.assertEqual(name, "MONOTONIC_USEC")
            self.assertTrue(before <= int(value) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
            self.assertEqual(manager.recv(1000), b"READY=1")
        proxy.signal(signal.SIGTERM)
        self.assertEqual(manager.recv(1000), b"STOPPING=1")
        self.assertEqual(proxy.wait(), 0)

    def test_nobody_who_listens_is_no_trouble(self):
        backend = self.using(Backend(serve()))
        port = port_of([backend])
        self.using(Proxy(spec_of(port), env={"NOTIFY_SOCKET": os.path.join("/nowhere", "notify")}))
        self.assertEqual(get(port[0]).status, 200)


if __name__ == "__main__":
    main()
