"""Targets by name follow a real DNS server: addresses come and go, services, failures, and requests all the while."""

import contextlib
import getpass
import os
import signal
import socket
import threading

from backends import Backend, serve
from client import LOOPBACK, Client, get
from greeters import greet
from harness import E2eTest, Proxy, main, port_of, spec_of
from loads import Load
from processes import end_process, free_port
from real_servers import LIMIT, Server, program
from secure import Certificates, TlsBackend, showing

CHECKS = {"type": "tcp", "interval": "100ms", "timeout": "1s", "rise": 1, "fall": 1}


class Zone(Server):
    """A dnsmasq that knows what it was told, by TTLs of one second."""

    def __init__(self):
        super().__init__()
        self.services = []
        self.hosts = {}
        self.write()

    def command(self):
        return [program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                "--no-hosts", "--no-poll", "--bind-interfaces", f"--listen-address={LOOPBACK}", f"--port={self.port}",
                "--pid-file=", "--log-facility=-", f"--user={getpass.getuser()}", "--local=/test/", "--local-ttl=1",
                "--cache-size=0", f"--addn-hosts={self.folder}/hosts", *self.services]

    def stop(self):
        end_process(self.process, LIMIT)

    def write(self):
        with open(f"{self.folder}/hosts.new", "w", encoding="ascii") as file:
            file.writelines(f"{address} {name}\n" for name, all in self.hosts.items() for address in all)
        os.replace(f"{self.folder}/hosts.new", f"{self.folder}/hosts")

    def says(self, **hosts):
        self.hosts = {f"{name}.test": addresses for name, addresses in hosts.items()}
        self.write()
        if self.process:
            self.process.send_signal(signal.SIGHUP)

    def serves(self, *records):
        """SRV records, as (name, host, port, priority, weight); read at the start only."""
        self.services = [f"--srv-host={','.join(map(str, each))}" for each in records]
        if self.process:
            self.stop()
            self.start()


def address(number):
    return f"127.0.0.{10 + number}"


class Lossy:
    """Before a zone: what it is told to lose, nobody answers."""

    QUESTIONS = {"A": 1, "AAAA": 28}

    def __init__(self, zone):
        self.zone, self.loses = zone, None
        self.lost = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.relay, daemon=True)
        self.thread.start()

    def relay(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            if not question:
                return
            # Behind the header, the name as labels, of which the last is empty (RFC 1035, section 4.1.2).
            end = question.index(b"\0", 12)
            if int.from_bytes(question[end + 1:end + 3], "big") == self.QUESTIONS.get(self.loses):
                self.lost += 1
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
                upstream.settimeout(LIMIT)
                upstream.sendto(question, (LOOPBACK, self.zone.port))
                self.socket.sendto(upstream.recv(4096), client)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (LOOPBACK, self.port))
        self.thread.join()
        self.socket.close()


class Named(E2eTest):
    def setUp(self):
        super().setUp()
        self.zone = Zone()
        self.addCleanup(self.zone.close)

    def fleet(self, count, script=None):
        """Backends on the same port of different addresses, each answering with its own."""
        self.backends = []
        number = free_port()
        for i in range(count):
            backend = Backend(script or serve(address(i).encode()), host=address(i), port=number)
            self.backends.append(self.using(backend))
        return number

    def begin(self, *ports, **options):
        dns = {"servers": [f"{LOOPBACK}:{self.zone.port}"], "timeout": "200ms", "minTtl": "100ms", "maxTtl": "1s",
               **options.pop("dns", {})}
        self.proxy = self.using(Proxy(spec_of(*ports, discovery={"dns": dns}, **options)))
        return self.proxy

    def answering(self, count):
        return {get(self.proxy.port).body.decode() for _ in range(count)}


class Addresses(Named):
    def test_all_addresses_are_targets_and_follow_the_zone_under_load(self):
        port = self.fleet(5)
        self.zone.says(web=[address(i) for i in range(3)])
        self.zone.start()
        proxy = self.begin(port_of([f"http://web.test:{port}"], health=CHECKS))
        self.assertEqual(self.answering(6), {address(i) for i in range(3)})
        with Load(proxy.port) as load:
            self.eventually(lambda: load.done > 50, "load")
            self.zone.says(web=[address(i) for i in range(5)])
            proxy.wait_event("dns_changed", name="web.test", targets="5")
            self.eventually(lambda: all(len(each.requests) > 10 for each in self.backends), "all five get requests")
            self.zone.says(web=[address(i) for i in (1, 4)])
            proxy.wait_event("dns_changed", name="web.test", targets="2")
            self.eventually(lambda: self.answering(8) == {address(1), address(4)}, "two get requests")
            done = load.done
            self.eventually(lambda: load.done > done + 50, "load afterwards")
        self.assertEqual(load.failures, [])

    def test_who_remains_keeps_its_connections(self):
        port = self.fleet(2)
        self.zone.says(web=[address(0)])
        self.zone.start()
        proxy = self.begin(port_of([f"http://web.test:{port}"]))
        client = self.using(Client(proxy.port))
        for _ in range(3):
            client.request()
        self.zone.says(web=[address(0), address(1)])
        # A worker hears of it with its next picks.
        self.eventually(lambda: client.request() and self.backends[1].requests, "the new one gets requests")
        for _ in range(4):
            client.request()
        self.assertEqual(len(self.backends[0].peers), 1)

    def test_a_name_that_is_gone_keeps_what_it_had(self):
        port = self.fleet(2)
        self.zone.says(web=[address(0), address(1)])
        self.zone.start()
        proxy = self.begin(port_of([f"http://web.test:{port}"]))
        self.zone.says(other=[address(0)])
        proxy.wait_event("dns_failed", name="web.test", kept="2")
        self.assertEqual(self.answering(4), {address(0), address(1)})
        self.zone.says(web=[address(1)])
        proxy.wait_event("dns_changed", targets="1")
        self.assertEqual(self.answering(4), {address(1)})

    def test_a_server_that_is_gone_changes_nothing_and_is_asked_again(self):
        port = self.fleet(2)
        self.zone.says(web=[address(0)])
        self.zone.start()
        proxy = self.begin(port_of([f"http://web.test:{port}"]))
        self.zone.stop()
        proxy.wait_event("dns_failed", name="web.test", kept="1")
        self.assertEqual(self.answering(4), {address(0)})
        self.zone.says(web=[address(1)])
        self.zone.start()
        proxy.wait_event("dns_changed", addresses=address(1))
        self.assertEqual(self.answering(4), {address(1)})

    def test_a_name_that_comes_to_be_later(self):
        port = self.fleet(1)
        self.zone.start()
        proxy = self.begin(port_of([f"http://web.test:{port}"]))
        proxy.wait_event("dns_failed", name="web.test", kept="0")
        self.assertEqual(get(proxy.port).status, 503)
        self.zone.says(web=[address(0)])
        proxy.wait_event("dns_changed", targets="1")
        self.assertEqual(get(proxy.port).status, 200)

    def test_ipv4_where_there_is_both(self):
        port = self.fleet(1)
        self.zone.says(web=[address(0), "::1"])
        self.zone.start()
        proxy = self.begin(port_of([f"http://web.test:{port}"]))
        proxy.wait_event("dns_changed", addresses=address(0))
        self.assertEqual(get(proxy.port).status, 200)

    def test_ipv6_by_preference_and_where_there_is_nothing_else(self):
        backend = self.using(Backend(serve(b"six"), host="::1"))
        self.zone.says(both=[address(0), "::1"], six=["::1"])
        self.zone.start()
        for name, prefer in (("both", "ipv6"), ("six", "ipv4")):
            with self.subTest(name):
                proxy = self.begin(port_of([f"http://{name}.test:{backend.port}"]), dns={"prefer": prefer})
                self.assertEqual(get(proxy.port).body, b"six")

    def test_a_question_that_is_lost_does_not_move_a_name_to_the_other_family(self):
        port = self.fleet(1)
        self.zone.says(web=[address(0), "::1"])
        self.zone.start()
        lossy = self.using(contextlib.closing(Lossy(self.zone)))
        proxy = self.begin(port_of([f"http://web.test:{port}"]), dns={"servers": [f"{LOOPBACK}:{lossy.port}"]})
        self.assertEqual(self.answering(2), {address(0)})
        lossy.loses = "A"
        proxy.wait_event("dns_failed", name="web.test", kept="1")
        lost = lossy.lost
        self.eventually(lambda: lossy.lost > lost, "it is asked for again")
        self.assertEqual(self.answering(4), {address(0)})
        self.assertEqual(len(proxy.events("dns_changed")), 1)

    def test_more_addresses_than_allowed(self):
        port = self.fleet(1)
        self.zone.says(web=[address(i) for i in range(100)])
        self.zone.start()
        proxy = self.begin(port_of([f"http://web.test:{port}"]), dns={"maxAddresses": 3})
        proxy.wait_event("dns_changed", targets="3")

    def test_two_names_of_one_address_are_one_target(self):
        port = self.fleet(1)
        self.zone.says(a=[address(0)], b=[address(0)])
        self.zone.start()
        self.begin(port_of([f"http://a.test:{port}", f"http://b.test:{port}"]))
        self.assertEqual(self.answering(2), {address(0)})

    def test_a_reload_brings_another_name(self):
        port = self.fleet(2)
        self.zone.says(a=[address(0)], b=[address(1)])
        self.zone.start()
        first = port_of([f"http://a.test:{port}"])
        proxy = self.begin(first)
        with open(proxy.spec_path, encoding="utf-8") as file:
            spec = file.read()
        with Load(proxy.port) as load:
            self.eventually(lambda: load.done > 20, "load")
            with open(proxy.spec_path, "w", encoding="utf-8") as file:
                file.write(spec.replace("a.test", "b.test"))
            proxy.signal(signal.SIGHUP)
            proxy.wait_event("reloaded", changed="1")
            proxy.wait_event("dns_changed", name="b.test")
            self.eventually(lambda: self.answering(4) == {address(1)}, "the other one answers")
        self.assertEqual(load.failures, [])


class Names(Named):
    def test_checks_ask_for_the_name(self):
        port = self.fleet(1)
        self.zone.says(web=[address(0)])
        self.zone.start()
        proxy = self.begin(port_of([f"http://web.test:{port}"], health={**CHECKS, "type": "http", "path": "/ok"}))
        proxy.wait_event("target_up", target=f"http://{address(0)}:{port}")
        self.assertEqual(self.backends[0].requests[0].get("host"), f"web.test:{port}")

    def test_certificates_are_checked_by_the_name(self):
        certificates = self.using(Certificates())
        authority = certificates.authority("inner")
        backend = self.using(TlsBackend(showing(certificates.signed("web.test", authority)), host=address(0)))
        self.zone.says(web=[address(0)], other=[address(0)])
        self.zone.start()
        for name, status in (("web", 200), ("other", 503)):
            with self.subTest(name):
                proxy = self.begin(port_of([f"https://{name}.test:{backend.port}"], targetTls={"ca": authority[0]}))
                self.assertEqual(get(proxy.port).status, status)

    def test_tcp(self):
        port = self.fleet(2, greet)
        self.zone.says(db=[address(0), address(1)])
        self.zone.start()
        proxy = self.begin(port_of([f"tcp://db.test:{port}"], key="tcp"))
        for _ in range(4):
            client = self.using(Client(proxy.port))
            client.read_exactly(5)
        self.assertEqual([len(each.peers) for each in self.backends], [2, 2])

    def test_without_dns_the_system_is_asked(self):
        port = self.fleet(1)
        self.zone.says(web=[address(0)])
        self.zone.start()
        self.proxy = self.using(Proxy(spec_of(port_of([f"http://web.test:{port}"]), discovery={"dns": False})))
        self.assertEqual(get(self.proxy.port).status, 503)


class Services(Named):
    def test_records_are_targets_by_priority_and_weight(self):
        backends = [self.using(Backend(serve(str(i).encode()))) for i in range(3)]
        self.zone.says(a=[LOOPBACK])
        self.zone.serves(("_web._tcp.test", "a.test", backends[0].port, 10, 3),
                         ("_web._tcp.test", "a.test", backends[1].port, 10, 1),
                         ("_web._tcp.test", "a.test", backends[2].port, 20, 1))
        self.zone.start()
        proxy = self.begin(port_of(["srv+http://_web._tcp.test"], health=CHECKS))
        proxy.wait_event("dns_changed", name="_web._tcp.test", targets="3")
        for _ in range(40):
            get(proxy.port)
        self.assertEqual([len(each.requests) for each in backends], [30, 10, 0])
        for backend in backends[:2]:
            backend.close()
        self.eventually(lambda: get(proxy.port).body == b"2", "the second tier takes over")

    def test_records_change_under_load(self):
        backends = [self.using(Backend()) for _ in range(2)]
        self.zone.says(a=[LOOPBACK], b=[address(3)])
        self.zone.serves(("_web._tcp.test", "a.test", backends[0].port, 1, 1))
        self.zone.start()
        proxy = self.begin(port_of(["srv+http://_web._tcp.test"]))
        with Load(proxy.port) as load:
            self.eventually(lambda: load.done > 20, "load")
            self.zone.serves(("_web._tcp.test", "a.test", backends[1].port, 1, 1))
            proxy.wait_event("dns_changed", addresses=f"{LOOPBACK}:{backends[1].port}")
            asked = len(backends[1].requests)
            self.eventually(lambda: len(backends[1].requests) > asked + 20, "the new one is asked")
        self.assertEqual(load.failures, [])

    def test_a_service_that_is_not_there(self):
        self.zone.start()
        proxy = self.begin(port_of(["srv+http://_web._tcp.test"]))
        proxy.wait_event("dns_failed", name="_web._tcp.test")
        self.assertEqual(get(proxy.port).status, 503)


if __name__ == "__main__":
    main()
