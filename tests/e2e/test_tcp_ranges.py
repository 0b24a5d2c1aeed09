"""A tcp port that is a range: port for port to targets that are ranges, and all to one that is a single port."""

import socket

import harness
from backends import Backend
from client import LOOPBACK, Client
from greeters import GreeterTest, free_range, name_of
from processes import accepts, open_files

COUNT = 5


def say_port(peer):
    peer.send(b"%5d" % peer.socket.getsockname()[1])
    peer.wait_closed()


class RangeBackend(Backend):
    """Listens on a given port."""

    def __init__(self, port):
        self.wanted = port
        super().__init__(say_port)

    def listen(self):
        self.port = self.wanted
        super().listen()


class Ranges(GreeterTest):
    def start_range(self, *targets, workers=1, **options):
        self.first = free_range(COUNT)
        value = {"targets": list(targets), "health": False, "accessLog": True, **options}
        spec = {"proxies": {"e2e": {"ports": {f"{self.first}-{self.first + COUNT - 1}/tcp": value}}}}
        self.proxy = self.using(harness.Proxy(spec, workers=workers))

    def target_range(self):
        """The first of as many targets in a row."""
        first = free_range(COUNT)
        self.backends = [self.using(RangeBackend(first + offset)) for offset in range(COUNT)]
        return first

    def ask(self, offset):
        with Client(self.first + offset) as client:
            return int(client.read_exactly(5)), name_of(client)

    def test_port_for_port_to_an_equal_range(self):
        first = self.target_range()
        url = f"tcp://{LOOPBACK}:{first}-{first + COUNT - 1}"
        self.start_range(url)
        for offset in (*range(COUNT), *reversed(range(COUNT))):
            answer, name = self.ask(offset)
            self.assertEqual(answer, first + offset)
            self.assertEqual(self.line_of(name)["target"], url)

    def test_port_for_port_with_several_workers(self):
        first = self.target_range()
        self.start_range(f"{LOOPBACK}:{first}-{first + COUNT - 1}", workers=2)
        for _ in range(6):
            for offset in range(COUNT):
                self.assertEqual(self.ask(offset)[0], first + offset)

    def test_all_to_one_port(self):
        backend = self.using(Backend(say_port))
        self.start_range(f"tcp://{LOOPBACK}:{backend.port}")
        for offset in range(COUNT):
            self.assertEqual(self.ask(offset)[0], backend.port)

    def test_a_range_and_a_port_beside_each_other(self):
        first = self.target_range()
        single = self.using(Backend(say_port))
        self.start_range(f"{LOOPBACK}:{first}-{first + COUNT - 1}", f"{LOOPBACK}:{single.port}")
        for offset in range(COUNT):
            answers = {self.ask(offset)[0] for _ in range(2)}
            self.assertEqual(answers, {first + offset, single.port})

    def test_only_its_own_ports_are_open(self):
        backend = self.using(Backend(say_port))
        self.start_range(f"{LOOPBACK}:{backend.port}")
        for port in (self.first - 1, self.first + COUNT):
            with socket.socket() as neighbour:
                neighbour.bind((LOOPBACK, port))  # nobody else has it

    def test_one_target_port_that_refuses_is_no_other_port_s_trouble(self):
        first = self.target_range()
        self.start_range(f"{LOOPBACK}:{first}-{first + COUNT - 1}", outlier=False)
        self.backends[2].close()
        for offset in range(COUNT):
            if offset == 2:
                with self.assertRaises((ConnectionResetError, EOFError)):
                    self.ask(offset)
            else:
                self.assertEqual(self.ask(offset)[0], first + offset)

    def test_limits_are_of_the_whole_range(self):
        backend = self.using(Backend(say_port))
        self.start_range(f"{LOOPBACK}:{backend.port}", limits={"connections": 2})
        clients = [self.using(Client(self.first + offset)) for offset in (0, 1)]
        for client in clients:
            client.read_exactly(5)
        for offset in range(COUNT):
            with self.assertRaises((ConnectionResetError, EOFError)):
                self.ask(offset)

    def test_the_header_tells_the_port_that_the_client_connected_to(self):
        def script(peer):
            peer.send(peer.socket.recv(200))
            peer.wait_closed()

        backend = self.using(Backend(script))
        self.start_range(f"{LOOPBACK}:{backend.port}", proxyProtocol="v1")
        for offset in range(COUNT):
            with Client(self.first + offset) as client:
                self.assertEqual(client.read_line().split(b" ")[-1], b"%d" % (self.first + offset))

    def test_all_ports_are_free_after_the_end(self):
        backend = self.using(Backend(say_port))
        self.start_range(f"{LOOPBACK}:{backend.port}", workers=2)
        files = open_files(self.proxy.pid)
        self.assertTrue(all(accepts(self.first + offset) for offset in range(COUNT)))
        self.eventually(lambda: open_files(self.proxy.pid) <= files, "nothing is left of them")
        self.assertEqual(self.proxy.stop(), 0)
        self.assertFalse(any(accepts(self.first + offset) for offset in range(COUNT)))


if __name__ == "__main__":
    harness.main()
