"""How the connections of a tcp port end: FIN as FIN, RST as RST, whichever side it is and whatever is under way."""

import socket
import threading
import time

import harness
from client import TIMEOUT, Client
from harness import Proxy, port_of, spec_of
from processes import free_port
from streams import BLOCK, MIB, TcpTest, read_much, send_much


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
            self.assertLessEqual(set(endings), {ConnectionResetError, BrokenPipeError})
        self.assertEqual(len(endings), 4 * rounds)

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
