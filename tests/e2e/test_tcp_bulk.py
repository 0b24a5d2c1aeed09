"""Bulk through a tcp port, exact to the bit; one way goes on when the other has ended."""

import hashlib
import json
import socket
import subprocess
import threading
import time

import harness
from harness import E2eTest, Proxy, port_of, spec_of
from processes import open_sockets
from real_servers import Server, program
from streams import MIB, SIZE, TcpTest, read_much, send_much


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
        sockets_before = open_sockets(proxy.pid)
        done = subprocess.run([program("iperf3", "iperf3"), "--client", "127.0.0.1", "--port", str(proxy.port),
                               "--time", "2", "--parallel", "4", "--json", *args], capture_output=True, timeout=60,
                              check=False)
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report.get("error")), (0, None))
        # iperf3 ends its streams with data under way: none of them may stay.
        self.eventually(lambda: open_sockets(proxy.pid) <= sockets_before, "no connection is left", limit=10)
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


if __name__ == "__main__":
    harness.main()
