"""Datagrams through a udp port: whole, none lost by the proxy, answered from the address that was asked."""

import os
import socket
import struct

import harness
from datagrams import (LARGEST, LOOPBACK, Session, Targets, drops_at, drops_of_process, free_port, free_ports)
from harness import E2eTest, Proxy, port_of, spec_of

COUNT = 1_000_000 if harness.FULL else 50_000
WINDOW = 128  # datagrams under way: fewer than the smallest default buffer holds


class UdpTest(E2eTest):
    def start(self, workers=1, targets=1, **options):
        self.targets = self.using(Targets(targets))
        spec = spec_of(port_of(self.targets.urls, free_port(), key="udp", **options))
        self.proxy = self.using(Proxy(spec, workers=workers))
        return self.proxy

    def session(self, **options):
        return self.using(Session(self.proxy.port, **options))


class Whole(UdpTest):
    def test_every_size_up_to_the_largest_both_ways(self):
        self.start()
        session = self.session()
        for size in (0, 1, 3, 512, 1_232, 1_472, 1_473, 9_000, 32_768, 65_000, LARGEST - 1, LARGEST):
            data = os.urandom(size)
            if data[:1] == b"?":
                data = b"." + data[1:]
            session.socket.send(data)
            self.assertEqual(session.socket.recv(65_536), data, f"{size} bytes")

    def test_many_of_the_largest_in_a_row_do_not_mix(self):
        self.start()
        sessions = [self.session() for _ in range(4)]
        for turn in range(50):
            sent = []
            for number, session in enumerate(sessions):
                data = struct.pack(">BI", number, turn) + os.urandom(LARGEST - 5)
                session.socket.send(data)
                sent.append(data)
            for session, data in zip(sessions, sent):
                self.assertEqual(session.socket.recv(65_536), data)

    def test_a_range_of_ports_goes_port_for_port(self):
        targets = self.using(Targets(5, free_ports(5)))
        number = free_ports(10) + 5  # others than those of the targets
        url = f"udp://{LOOPBACK}:{targets.ports[0]}-{targets.ports[-1]}"
        key = f"{number}-{number + 4}/udp"
        proxy = self.using(Proxy({"proxies": {"e2e": {"ports": {key: {"targets": [url], "health": False}}}}}))
        for offset in range(5):
            with Session(proxy.port + offset) as session:
                self.assertEqual(session.ask()[0], offset)


class Lossless(UdpTest):
    def exchange(self, session, count):
        """Sends `count` numbered datagrams, never more than a window ahead. The numbers that came back."""
        came_back = []
        sent = lost = 0
        while True:
            while sent < count and sent - len(came_back) - lost < WINDOW:
                session.socket.send(struct.pack(">I", sent) + b"x" * 60)
                sent += 1
            try:
                session.socket.settimeout(1)
                came_back.append(struct.unpack(">I", session.socket.recv(100)[:4])[0])
                session.socket.setblocking(False)
                while True:
                    came_back.append(struct.unpack(">I", session.socket.recv(100)[:4])[0])
            except BlockingIOError:
                pass
            except TimeoutError:
                lost = sent - len(came_back)  # all that is missing by now will not come
                if lost > count // 100 + WINDOW:
                    return came_back
            if sent == count and len(came_back) + lost >= count:
                return came_back

    def test_what_the_kernel_did_not_drop_arrives_once_and_in_order(self):
        proxy = self.start()
        session = self.session()
        client_port = session.socket.getsockname()[1]
        came_back = self.exchange(session, COUNT)
        dropped = drops_of_process(proxy.pid) + drops_at(client_port, *self.targets.ports)
        self.assertEqual(len(came_back), COUNT - dropped, f"{dropped} dropped by the kernel")
        self.assertLess(dropped, COUNT // 100)
        self.assertTrue(all(a < b for a, b in zip(came_back, came_back[1:])), "twice, or out of order")


class Addresses(UdpTest):
    def test_a_wildcard_answers_from_the_address_that_was_asked(self):
        self.start(workers=2, listen="0.0.0.0")
        for host in (LOOPBACK, "127.0.0.5"):
            with Session(self.proxy.port, host=host) as session:  # connected: takes nothing from elsewhere
                for _ in range(3):
                    session.ask()

    def test_also_when_one_client_asks_several(self):
        self.start(listen="0.0.0.0")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((LOOPBACK, 0))
            client.settimeout(2)
            for turn in range(4):
                for host in (LOOPBACK, "127.0.0.5", "127.9.9.9"):
                    data = f"{turn} {host}".encode()
                    client.sendto(data, (host, self.proxy.port))
                    self.assertEqual(client.recvfrom(100), (data, (host, self.proxy.port)))

    def test_clients_with_one_address_are_told_apart_by_their_port(self):
        self.start(workers=2)
        sessions = [self.session() for _ in range(30)]
        for number, session in enumerate(sessions):
            session.socket.send(b"%d" % number)
        for number, session in enumerate(sessions):
            self.assertEqual(session.socket.recv(100), b"%d" % number)
            with self.assertRaises(TimeoutError if number == 0 else BlockingIOError):
                session.socket.settimeout(0.2 if number == 0 else 0)
                session.socket.recv(100)


if __name__ == "__main__":
    harness.main()
