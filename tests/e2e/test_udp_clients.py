"""Many clients of a udp port: which target they get, and what a flood of addresses may cost."""

import struct
import time

import harness
from datagrams import ANSWER, QUESTION, AnyAddress, Session, Targets, client_address, free_port, wait_until_read
from harness import E2eTest, Proxy, is_sanitized, port_of, spec_of
from processes import peak_rss_bytes

CLIENTS = 10_000
SPOOFED = 20_000
SESSIONS = 1_000
MIB = 1 << 20


def moved(before, after):
    """How many clients have another target. (A diff of two long lists takes unittest minutes.)"""
    return sum(1 for old, new in zip(before, after, strict=True) if old != new)


def ask_all(port, count, window=64):
    """Which target answered each of `count` clients, one address each."""
    answered = {}
    asked = 0
    with AnyAddress(port) as clients:
        while len(answered) < count:
            while asked < count and asked - len(answered) < window:
                clients.send(client_address(asked), QUESTION + b"\0\0\0" + struct.pack(">I", asked))
                asked += 1
            address, data, sender = clients.receive()
            number = struct.unpack(">I", data[4:8])[0]
            assert data[:1] == ANSWER and sender == clients.proxy, (data, sender)
            assert address == client_address(number), f"the answer to {number} went to {address}"
            assert number not in answered, f"{number} was answered twice"
            answered[number] = data[1]
    return [answered[number] for number in range(count)]


class Affinity(E2eTest):
    # Each exchange ends its session, so nothing but the hash keeps a client at its target.
    OPTIONS = {"replies": 1}

    def run_proxy(self, urls, workers=1, **options):
        spec = spec_of(port_of(urls, free_port(), key="udp", **{**self.OPTIONS, **options}))
        return self.using(Proxy(spec, workers=workers))

    def test_clients_are_spread_evenly_and_come_back_to_their_target(self):
        targets = self.using(Targets(10))
        proxy = self.run_proxy(targets.urls, workers=2)
        before = ask_all(proxy.port, CLIENTS)
        for number in range(10):
            # A fair share is 1,000; a fair draw stays within 5 sigma of it, and a table within 2 %.
            self.assertAlmostEqual(before.count(number), CLIENTS / 10, delta=170)
        self.assertEqual(moved(before, ask_all(proxy.port, CLIENTS)), 0)

    def test_two_processes_with_the_same_spec_agree_on_every_client(self):
        targets = self.using(Targets(10))
        one, two = self.run_proxy(targets.urls, workers=1), self.run_proxy(targets.urls, workers=2)
        self.assertEqual(moved(ask_all(one.port, CLIENTS), ask_all(two.port, CLIENTS)), 0)

    def test_without_one_of_ten_targets_few_others_move(self):
        targets = self.using(Targets(10))
        whole = ask_all(self.run_proxy(targets.urls).port, CLIENTS)
        gone = 3
        urls = [url for number, url in enumerate(targets.urls) if number != gone]
        less = ask_all(self.run_proxy(urls).port, CLIENTS)
        self.assertNotIn(gone, less)
        self.assertGreaterEqual(moved(whole, less), whole.count(gone))
        self.assertLess(moved(whole, less), CLIENTS * 0.12)

    def test_by_address_and_port_the_clients_of_one_address_are_spread(self):
        targets = self.using(Targets(4))
        for affinity, least in (("ip", 1), ("ip+port", 4)):
            proxy = self.run_proxy(targets.urls, affinity=affinity)
            sessions = [self.using(Session(proxy.port)) for _ in range(64)]
            first = [session.ask()[0] for session in sessions]
            self.assertEqual(len(set(first)), least, affinity)
            self.assertEqual([session.ask()[0] for session in sessions], first)


class Flood(E2eTest):
    CHUNK = 100

    def flood(self, proxy, spoofed, first, count):
        """In chunks that are read before the next: what is lost is not lost for want of a buffer."""
        for number in range(first, first + count):
            spoofed.send(client_address(number, network=2), QUESTION + b"flood")
            if number % self.CHUNK == self.CHUNK - 1:
                wait_until_read(proxy.port)
                self.most_files = max(self.most_files, proxy.open_files())

    def test_spoofed_addresses_take_places_from_each_other_and_not_from_a_client(self):
        targets = self.using(Targets(1))
        spec = spec_of(port_of(targets.urls, free_port(), key="udp", timeouts={"idle": "2s"},
                               limits={"sessions": SESSIONS}))
        proxy = self.using(Proxy(spec))
        with Session(proxy.port) as warm:
            warm.ask()
        self.eventually(lambda: proxy.open_files() > 0)
        files_before = proxy.open_files() - 1  # the session of `warm`
        memory_before = peak_rss_bytes(proxy.pid)
        self.most_files = 0

        established = self.using(Session(proxy.port))
        session = [established.ask() for _ in range(3)]
        spoofed = self.using(AnyAddress(proxy.port))
        # Twice as many at a time as there are places: whoever merely was not heard of for longest would go.
        for first in range(0, SPOOFED, 2 * SESSIONS):
            self.flood(proxy, spoofed, first, 2 * SESSIONS)
            session.append(established.ask())
        # Answered each time, and always over the session it began with.
        self.assertEqual(set(session), {session[0]})
        # A place that was just given away may be closed a turn of the loop later.
        self.assertGreater(self.most_files, files_before + SESSIONS // 2)
        self.assertLessEqual(self.most_files, files_before + SESSIONS + self.CHUNK)
        if not is_sanitized():
            self.assertLess(peak_rss_bytes(proxy.pid) - memory_before, 16 * MIB)

        # When all are idle nothing is left of them.
        ended = time.monotonic()
        self.eventually(lambda: proxy.open_files() <= files_before, "descriptors back", limit=10)
        self.assertGreater(time.monotonic() - ended, 0.5)
        with Session(proxy.port) as later:
            later.ask()

    def test_a_client_that_talks_outlives_the_idle_time_out(self):
        targets = self.using(Targets(1))
        spec = spec_of(port_of(targets.urls, free_port(), key="udp", timeouts={"idle": "500ms"}))
        proxy = self.using(Proxy(spec))
        files_before = proxy.open_files()
        with Session(proxy.port) as session:
            seen = set()
            begun = time.monotonic()
            while time.monotonic() - begun < 1.5:
                seen.add(session.ask())
                time.sleep(0.1)
            self.assertEqual(len(seen), 1)
            self.eventually(lambda: proxy.open_files() <= files_before, "the session ends")


if __name__ == "__main__":
    harness.main()
