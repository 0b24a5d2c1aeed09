"""Bulk through a tcp port, and how connections end: FIN as FIN, RST as RST, each direction for itself."""

import hashlib
import json
import os
import socket
import subprocess
import threading
import time

import harness
from backends import Backend
from client import TIMEOUT, Client
from harness import E2eTest, Proxy, port_of, spec_of
from processes import free_port
from servers import Server, program

MIB = 1 << 20
SIZE = 100 * MIB
BLOCK = os.urandom(MIB + 13)  # a length that no buffer divides


def send_much(sock, size=SIZE):
    """Sends `size` bytes; their SHA-256."""
    digest = hashlib.sha256()
    left = size
    while left:
        block = BLOCK[:left]
        sock.sendall(block)
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def read_much(sock):
    """Reads to the FIN: (bytes, SHA-256). ConnectionResetError when there is none."""
    digest = hashlib.sha256()
    count = 0
    while data := sock.recv(256 * 1024):
        digest.update(data)
        count += len(data)
    return count, digest.hexdigest()


class TcpTest(E2eTest):
    def start(self, script, **options):
        self.results = []
        self.backend = self.using(Backend(script))
        self.proxy = self.using(Proxy(spec_of(port_of([f"tcp://127.0.0.1:{self.backend.port}"], key="tcp",
                                                      **options)), workers=2))
        self.files_before = self.proxy.open_files()
        self.addCleanup(self.check_aftermath)

    def check_aftermath(self):
        # Up to one pipe a direction may be pooled by each of the two workers: two descriptors each.
        self.eventually(lambda: self.proxy.open_files() <= self.files_before + 8, "descriptors back")

    def client(self, **options):
        return self.using(Client(self.proxy.port, **options))

    def result(self):
        """What the script had to say."""
        self.eventually(lambda: self.results, "the target has seen the end", limit=60)
        return self.results[0]


class Iperf(Server):
    def command(self):
        return [program("iperf3", "iperf3"), "--server", "--bind", "127.0.0.1", "--port", str(self.port)]

    def wait_ready(self):
        # A connection that says nothing would be a test to it: look instead of connecting.
        def listens():
            with open("/proc/net/tcp", encoding="ascii") as table:
                return any(row.split()[1].endswith(f":{self.port:04X}") and row.split()[3] == "0A" for row in table)

        harness.wait_for(listens, "iperf3 listens")


class Throughput(E2eTest):
    def run_iperf(self, *args):
        server = self.using(Iperf())
        proxy = self.using(Proxy(spec_of(port_of([server], key="tcp")), workers=2))
        done = subprocess.run([program("iperf3", "iperf3"), "--client", "127.0.0.1", "--port", str(proxy.port),
                               "--time", "2", "--parallel", "4", "--json", *args], capture_output=True, timeout=60,
                              check=False)
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report.get("error")), (0, None))
        return report["end"]

    def check(self, sent, received):
        self.assertGreater(received["bytes"], 100 * MIB)
        self.assertLessEqual(received["bytes"], sent["bytes"])

    def test_to_the_server(self):
        end = self.run_iperf()
        self.assertEqual(len(end["streams"]), 4)
        self.check(end["sum_sent"], end["sum_received"])

    def test_from_the_server(self):
        end = self.run_iperf("--reverse")
        self.check(end["sum_sent"], end["sum_received"])

    def test_both_ways_at_once(self):
        end = self.run_iperf("--bidir")
        self.assertEqual(len(end["streams"]), 8)
        self.check(end["sum_sent"], end["sum_received"])
        self.check(end["sum_sent_bidir_reverse"], end["sum_received_bidir_reverse"])


class HalfClose(TcpTest):
    def test_a_client_that_has_said_all_gets_all_of_a_late_reply(self):
        def script(peer):
            asked = read_much(peer.socket)  # returns with the client's FIN
            time.sleep(0.5)  # the reply is late
            self.results.append((asked, send_much(peer.socket)))

        self.start(script)
        client = self.client(timeout=60)
        client.send(b"all of it?")
        client.half_close()
        count, digest = read_much(client.socket)
        asked, sent = self.result()
        self.assertEqual(asked, (10, hashlib.sha256(b"all of it?").hexdigest()))
        self.assertEqual((count, digest), (SIZE, sent))

    def test_a_target_that_has_said_all_gets_all_that_the_client_still_sends(self):
        def script(peer):
            peer.send(b"goodbye")
            peer.socket.shutdown(socket.SHUT_WR)
            self.results.append(read_much(peer.socket))

        self.start(script)
        client = self.client(timeout=60)
        self.assertEqual(read_much(client.socket)[0], 7)
        sent = send_much(client.socket)
        client.half_close()
        self.assertEqual(self.result(), (SIZE, sent))

    def test_both_ways_at_once_each_ends_for_itself(self):
        def script(peer):
            sums = []
            sender = threading.Thread(target=lambda: sums.append(send_much(peer.socket, SIZE // 2)))
            sender.start()
            got = read_much(peer.socket)
            sender.join()
            self.results.append((got, sums[0]))

        self.start(script)
        client = self.client(timeout=60)
        sums = []

        def send():
            sums.append(send_much(client.socket))
            client.half_close()

        sender = threading.Thread(target=send)
        sender.start()
        got = read_much(client.socket)
        sender.join()
        seen, sent = self.result()
        self.assertEqual(got, (SIZE // 2, sent))
        self.assertEqual(seen, (SIZE, sums[0]))

    def test_a_slow_reader_gets_all_that_was_sent_before_the_end(self):
        def script(peer):
            self.results.append(send_much(peer.socket, 20 * MIB))  # then closes

        self.start(script)
        client = self.client(receive_buffer=8192, timeout=60)
        time.sleep(0.5)  # everything on the way fills up
        count, digest = read_much(client.socket)
        self.assertEqual((count, digest), (20 * MIB, self.result()))


class Ends(TcpTest):
    def how_it_ends(self, peer):
        """What a reader of `peer` sees after everything: "FIN" or "RST"."""
        try:
            read_much(peer)
            return "FIN"
        except ConnectionResetError:
            return "RST"

    def watch(self, peer):
        peer.send(b"hello")
        self.results.append(self.how_it_ends(peer.socket))

    def connected(self, **options):
        client = self.client(**options)
        self.assertEqual(client.read_exactly(5), b"hello")
        return client

    def test_fin_of_the_client_is_fin(self):
        self.start(self.watch)
        self.connected().half_close()
        self.assertEqual(self.result(), "FIN")

    def test_fin_of_the_target_is_fin(self):
        self.start(lambda peer: peer.send(b"hello"))
        self.assertEqual(self.how_it_ends(self.connected().socket), "FIN")

    def test_rst_of_the_client_is_rst(self):
        self.start(self.watch)
        self.connected().reset()
        self.assertEqual(self.result(), "RST")

    def test_rst_of_the_target_is_rst(self):
        go = threading.Event()
        self.start(lambda peer: (peer.send(b"hello"), go.wait(TIMEOUT), peer.reset()))
        client = self.connected()
        go.set()
        self.assertEqual(self.how_it_ends(client.socket), "RST")

    def test_rst_of_the_target_after_fin_of_the_client_is_rst(self):
        def script(peer):
            peer.send(b"hello")
            read_much(peer.socket)
            peer.reset()

        self.start(script)
        client = self.connected()
        client.half_close()
        self.assertEqual(self.how_it_ends(client.socket), "RST")

    def test_rst_of_the_client_after_fin_of_the_target_is_rst(self):
        def script(peer):
            peer.send(b"hello")
            peer.socket.shutdown(socket.SHUT_WR)
            self.results.append(self.how_it_ends(peer.socket))

        self.start(script)
        client = self.connected()
        self.assertEqual(read_much(client.socket)[0], 0)
        client.reset()
        self.assertEqual(self.result(), "RST")

    def test_rst_within_bulk_is_no_orderly_end(self):
        # The target must not take what it got for all there was.
        self.start(self.watch)
        client = self.connected(timeout=60)
        send_much(client.socket, 10 * MIB)
        client.reset()
        self.assertEqual(self.result(), "RST")

    def test_rst_of_the_target_within_bulk_is_no_orderly_end(self):
        def script(peer):
            peer.send(b"hello")
            send_much(peer.socket, 10 * MIB)
            peer.reset()

        self.start(script)
        self.assertEqual(self.how_it_ends(self.connected(timeout=60).socket), "RST")

    def check_rst_for_senders(self, script, rounds):
        """Clients send all the time, to a target that goes: none of them may hang, or see an orderly end."""
        self.start(script)
        endings = []

        def send():
            with Client(self.proxy.port, timeout=10) as client:
                try:
                    client.read_exactly(5)
                    while True:
                        client.send(BLOCK)
                except OSError as error:
                    endings.append(type(error))

        for _ in range(rounds):
            senders = [threading.Thread(target=send) for _ in range(4)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
        self.assertEqual(len(endings), 4 * rounds)
        self.assertLessEqual(set(endings), {ConnectionResetError, BrokenPipeError})

    def test_a_target_that_closes_under_sending_clients_is_rst(self):
        # The proxy hears of it from a write first, or from a read: it takes several to have had both.
        def script(peer):
            peer.send(b"hello")
            for _ in range(64):
                peer.socket.recv(MIB)

        self.check_rst_for_senders(script, 10)

    def test_also_when_its_fin_came_first(self):
        def script(peer):
            peer.send(b"hello")
            peer.socket.shutdown(socket.SHUT_WR)
            ends = time.monotonic() + 0.05
            while time.monotonic() < ends:
                peer.socket.recv(MIB)

        self.check_rst_for_senders(script, 3)

    def test_also_when_it_stopped_reading_first(self):
        def script(peer):
            peer.send(b"hello")
            peer.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.2)  # all buffers on the way fill up

        self.check_rst_for_senders(script, 3)

    def test_a_client_that_closes_under_a_sending_target_is_rst(self):
        def script(peer):
            peer.send(b"hello")
            try:
                while True:
                    peer.socket.sendall(BLOCK)
            except (ConnectionResetError, BrokenPipeError):
                self.results.append("RST")

        self.start(script)
        for turn in range(10):
            client = self.connected()
            client.half_close()
            if turn % 2:
                time.sleep(0.1)  # all buffers on the way fill up
            client.close()
            self.eventually(lambda: len(self.results) > turn, "the target is told", limit=10)

    def test_a_target_that_refuses_is_rst(self):
        self.start(self.watch)
        refusing = self.using(Proxy(spec_of(port_of([f"tcp://127.0.0.1:{free_port()}"], key="tcp"))))
        # The RST may come before connect() has returned, which then says so.
        with self.assertRaises(ConnectionResetError):
            with Client(refusing.port) as client:
                client.socket.recv(1)


if __name__ == "__main__":
    harness.main()
