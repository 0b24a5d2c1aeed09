"""How many a tcp port takes: places on the port, at a target, for one client, and in the queue. And how long."""

import select
import signal
import socket
import threading
import time

import harness
from backends import Backend, BlackHole
from client import LOOPBACK, Client
from greeters import GREETING, PLEASE_RESET, GreeterTest, greet, name_of, open_connections, url_of
from processes import accepts, free_port


class Connections(GreeterTest):
    def test_the_next_client_is_refused_and_reaches_no_target(self):
        self.start(limits={"connections": 2})
        self.served()
        self.served()
        for _ in range(3):
            self.assert_refused()
        self.assertEqual(len(self.backend.peers), 2)

    def test_a_place_is_free_again_after_each_way_to_end(self):
        self.start(limits={"connections": 1})
        ends = (lambda client: client.close(),
                lambda client: client.reset(),
                lambda client: client.half_close(),
                lambda client: client.send(PLEASE_RESET))
        for end in ends:
            client = self.eventually(self.try_served, "a free place")
            self.assert_refused()
            end(client)
        self.eventually(self.try_served, "a free place")
        self.assert_refused()

    def test_a_client_whose_target_refuses_gives_its_place_back(self):
        self.start(f"tcp://{LOOPBACK}:{free_port()}", limits={"connections": 1}, outlier=False)
        for _ in range(5):
            self.assert_refused()
        lines = self.proxy.wait_event("access", count=5)
        self.assertEqual({line["error"] for line in lines}, {"connect_refused"})

    def test_over_two_workers_it_is_exact(self):
        self.start(workers=2, limits={"connections": 7})
        for _ in range(3):
            outcomes = []

            def client():
                outcomes.append(self.try_served())

            clients = [threading.Thread(target=client) for _ in range(40)]
            for one in clients:
                one.start()
            for one in clients:
                one.join()
            served = [one for one in outcomes if one]
            self.assertEqual((len(served), len(outcomes)), (7, 40))
            self.assertEqual(open_connections(self.backend), 7)
            for one in served:
                one.close()
            self.eventually(lambda: open_connections(self.backend) == 0, "all have ended")
            self.proxy.wait_event("access", count=len(self.backend.peers), target=url_of(self.backend))


class PerTarget(GreeterTest):
    def start_two(self, **limits):
        self.first, self.second = self.using(Backend(greet)), self.using(Backend(greet))
        self.start(self.first, self.second, loadbalance="first", limits={"connectionsPerTarget": 2, **limits})

    def counts(self):
        return open_connections(self.first), open_connections(self.second)

    def test_a_full_target_spills_over_to_the_next_and_then_clients_are_refused(self):
        self.start_two()
        for counts in ((1, 0), (2, 0), (2, 1), (2, 2)):
            self.served()
            self.assertEqual(self.counts(), counts)
        self.assert_refused()
        self.assertEqual(self.counts(), (2, 2))

    def test_the_next_client_goes_where_one_ended(self):
        self.start_two()
        clients = [self.served() for _ in range(4)]
        for end, at in ((1, self.first), (2, self.second)):
            before = len(at.peers)
            clients[end].close()
            clients[end] = self.eventually(self.try_served, "a place at a target")
            self.assertEqual(len(at.peers), before + 1)
            self.assertEqual(self.counts(), (2, 2))

    def test_it_waits_when_there_is_a_queue(self):
        self.start_two(queue=1)
        clients = [self.served() for _ in range(4)]
        waiting = self.connect()
        self.assert_refused()
        self.assert_waiting(waiting)
        clients[3].close()
        self.assertEqual(self.next_greeted([waiting]), waiting)
        self.assertEqual(self.counts(), (2, 2))
        self.assertEqual(len(self.second.peers), 3)

    def test_over_two_workers_it_is_exact(self):
        self.start(workers=2, limits={"connectionsPerTarget": 3, "queue": 40}, timeouts={"queue": "1m"})
        waiting = [self.connect() for _ in range(16)]
        for _ in range(3):
            self.eventually(lambda: open_connections(self.backend) == 3, "three are served")
            served = self.greeted_of(waiting, 3)
            self.assertEqual(open_connections(self.backend), 3)
            for client in served:
                waiting.remove(client)
                client.close()

    def greeted_of(self, waiting, count):
        """So many of them have a greeting to read, and no more than that."""
        def ready():
            return select.select([client.socket for client in waiting], [], [], 0)[0]

        self.eventually(lambda: len(ready()) >= count, f"{count} are greeted")
        found = ready()
        self.assertEqual(len(found), count)
        return [client for client in waiting if client.socket in found]


class Queue(GreeterTest):
    def start_queue(self, length, wait="1m", **options):
        self.start(limits={"connections": 1, "queue": length}, timeouts={"queue": wait}, **options)

    def test_who_waits_is_served_in_order_when_another_ends(self):
        self.start_queue(4)
        inside = self.served()
        waiting = [self.connect() for _ in range(4)]
        self.assert_refused()  # so the four have been seen, and the queue is full
        self.assert_waiting(*waiting)
        while waiting:
            inside.close()
            inside = self.next_greeted(waiting)
            self.assertIs(inside, waiting.pop(0))
            self.assertEqual(open_connections(self.backend), 1)

    def test_more_than_the_queue_are_refused_at_once(self):
        self.start_queue(2)
        self.served()
        waiting = [self.connect() for _ in range(2)]
        begun = time.monotonic()
        for _ in range(5):
            self.assert_refused()
        self.assertLess(time.monotonic() - begun, 5)
        self.assert_waiting(*waiting)

    def test_what_a_client_sent_while_it_waited_is_not_lost(self):
        self.start_queue(1, script=lambda peer: peer.send(peer.socket.recv(5)) and peer.wait_closed())
        inside = self.connect()
        inside.send(b"first")
        self.assertEqual(inside.read_exactly(5), b"first")
        waiting = self.connect()
        waiting.send(b"later")
        self.assert_refused()
        inside.close()
        self.assertEqual(waiting.read_exactly(5), b"later")

    def test_who_waited_too_long_is_refused(self):
        self.start_queue(1, "300ms")
        inside = self.served()
        begun = time.monotonic()
        waiting = self.connect()
        self.assert_reset(waiting)
        self.assertGreater(time.monotonic() - begun, 0.29)
        self.assertLess(time.monotonic() - begun, 5)
        line = self.line_of(name_of(waiting))
        self.assertEqual((line["error"], line["target"]), ("over_limit", ""))
        self.assertEqual(len(self.backend.peers), 1)
        # Its place in the queue is another's.
        self.assert_reset(self.connect())
        inside.send(b"still there")

    def test_who_goes_while_waiting_gives_its_place_in_the_queue_away(self):
        self.start_queue(1)
        inside = self.served()
        leaving = self.connect()
        self.assert_refused()
        name = name_of(leaving)
        leaving.reset()
        self.assertEqual(self.line_of(name)["error"], "client_closed")
        staying = self.connect()
        self.assert_refused()
        inside.close()
        self.next_greeted([staying])

    def test_a_place_at_one_worker_is_for_who_waits_at_another(self):
        self.start(workers=2, limits={"connections": 1, "queue": 16}, timeouts={"queue": "1m"})
        inside = self.served()
        waiting = [self.connect() for _ in range(16)]  # by chance of 2 in 65,536 all at one of the two
        while waiting:
            inside.close()
            inside = self.next_greeted(waiting)
            waiting.remove(inside)
            self.assertEqual(open_connections(self.backend), 1)


class PerClient(GreeterTest):
    def test_one_address_gets_no_more_connections_than_allowed(self):
        self.start(perClient={"connections": 2})
        first, _ = self.served(source="127.0.0.2"), self.served(source="127.0.0.2")
        self.assert_refused(source="127.0.0.2")
        self.served(source="127.0.0.3")
        self.assertEqual(len(self.backend.peers), 3)
        line = self.proxy.wait_event("access", error="over_limit")[0]
        self.assertEqual((line["client"].rpartition(":")[0], line["target"]), ("127.0.0.2", ""))
        name = name_of(first)
        first.close()
        self.line_of(name)  # it has ended
        self.served(source="127.0.0.2")
        self.assert_refused(source="127.0.0.2")

    def test_workers_count_together(self):
        self.start(workers=2, perClient={"connections": 5})
        outcomes = [self.try_served() for _ in range(20)]
        self.assertEqual([bool(one) for one in outcomes], [True] * 5 + [False] * 15)

    def test_more_connections_a_second_than_allowed_are_refused(self):
        self.start(perClient={"requestsPerSecond": 1, "burst": 4})
        outcomes = [self.try_served() for _ in range(12)]
        self.assertTrue(all(outcomes[:4]))
        # A slow machine may let a second pass in between.
        self.assertGreaterEqual(outcomes.count(None), 4)
        self.eventually(self.try_served, "the next allowance")

    def test_a_refused_client_takes_no_place_on_the_port(self):
        self.start(limits={"connections": 2}, perClient={"connections": 1})
        self.served()
        for _ in range(5):
            self.assert_refused()
        self.served(source="127.0.0.2")


class Connecting(GreeterTest):
    """To a target that answers no SYN."""

    def test_after_the_connect_timeout_the_next_target_is_tried(self):
        silent, good = self.using(BlackHole()), self.using(Backend(greet))
        self.start(silent, good, loadbalance="first", timeouts={"connect": "300ms"})
        begun = time.monotonic()
        client = self.served()
        self.assertGreater(time.monotonic() - begun, 0.29)
        self.assertLess(time.monotonic() - begun, 5)
        name = name_of(client)
        client.close()
        line = self.line_of(name)
        self.assertEqual((line["target"], line["retries"], line.get("error")), (url_of(good), 1, None))

    def test_the_deadline_is_for_all_attempts_together(self):
        silent = [self.using(BlackHole()) for _ in range(3)]
        self.start(*silent, timeouts={"connect": "400ms", "connectDeadline": "600ms"})
        begun = time.monotonic()
        self.assert_refused()
        # Three attempts would take 1.2 s.
        self.assertGreater(time.monotonic() - begun, 0.59)
        self.assertLess(time.monotonic() - begun, 1.1)
        line = self.proxy.wait_event("access")[0]
        self.assertEqual((line["error"], line["retries"]), ("connect_timeout", 1))

    def test_each_target_is_tried_once_when_none_answers(self):
        silent = [self.using(BlackHole()) for _ in range(3)]
        self.start(*silent, timeouts={"connect": "200ms", "connectDeadline": "30s"})
        begun = time.monotonic()
        self.assert_refused()
        self.assertGreater(time.monotonic() - begun, 0.59)
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual(self.proxy.wait_event("access")[0]["error"], "connect_timeout")

    def test_who_goes_while_connecting_is_noticed(self):
        self.start(self.using(BlackHole()), timeouts={"connect": "1m", "connectDeadline": "1m"},
                   limits={"connections": 1})
        client = self.connect()
        self.assert_refused()
        name = name_of(client)
        client.reset()
        self.assertEqual(self.line_of(name)["error"], "client_closed")


class Stopping(GreeterTest):
    """SIGTERM."""

    def stopping(self, **options):
        self.start(script=self.echo, **options)
        return self.served()

    @staticmethod
    def echo(peer):
        peer.send(GREETING)
        while data := peer.socket.recv(65_536):
            peer.send(data)

    def signal(self):
        self.proxy.signal(signal.SIGTERM)
        self.proxy.wait_event("draining")
        self.eventually(lambda: not accepts(self.proxy.port), "the port is closed")

    def assert_goes_on(self, client):
        for number in range(5):
            data = b"%d" % number * 100_000
            client.send(data)
            self.assertEqual(client.read_exactly(len(data)), data)

    def test_connections_go_on_and_new_ones_are_refused(self):
        client = self.stopping(workers=2)
        self.signal()
        self.assert_goes_on(client)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, self.proxy.port), 5)
        self.assertIsNone(self.proxy.process.poll())
        client.half_close()
        self.assertEqual(client.read_to_end(), b"")
        self.assertFalse(client.was_reset)
        self.assertEqual(self.proxy.wait(), 0)

    def test_who_waits_in_the_queue_is_served_still(self):
        client = self.stopping(limits={"connections": 1, "queue": 1}, timeouts={"queue": "1m"})
        waiting = self.connect()
        self.assert_refused()
        self.signal()
        client.close()
        self.next_greeted([waiting])
        self.assert_goes_on(waiting)
        waiting.close()
        self.assertEqual(self.proxy.wait(), 0)

    def test_what_is_left_at_the_drain_time_out_is_cut(self):
        self.start(script=self.echo)
        self.proxy.stop()
        spec = harness.spec_of(harness.port_of([url_of(self.backend)], key="tcp", accessLog=True))
        self.proxy = self.using(harness.Proxy(spec, "--drain-timeout", "300ms"))
        client = self.served()
        self.proxy.signal(signal.SIGTERM)
        self.assert_reset(client)
        self.assertEqual(self.proxy.wait(), 5)
        self.assertEqual(self.line_of(name_of(client))["error"], "drain_timeout")


class AccessLog(GreeterTest):
    def line(self, client, end):
        name = name_of(client)
        end()
        return self.line_of(name)

    def test_an_orderly_connection(self):
        def script(peer):
            peer.read_exactly(1000)
            peer.send(b"y" * 123_456)
            peer.wait_closed()

        self.start(script=script)
        client = self.connect()
        client.send(b"x" * 1000)
        client.read_exactly(123_456)
        line = self.line(client, client.close)
        self.assertEqual({key: line.get(key) for key in ("protocol", "target", "retries", "bytes_in", "bytes_out",
                                                         "error")},
                         {"protocol": "tcp", "target": url_of(self.backend), "retries": 0, "bytes_in": 1000,
                          "bytes_out": 123_456, "error": None})
        self.assertEqual(line["port"], f"e2e {self.proxy.port}/tcp")
        self.assertLessEqual(line["ttfb_ms"], line["duration_ms"])
        self.assertGreater(line["ttfb_ms"], 0)

    def test_bulk_is_counted_to_the_byte(self):
        size = 5_000_003
        self.start(script=lambda peer: (peer.read_exactly(size), peer.send(b"z" * size)))
        client = self.connect()
        client.send(b"q" * size)
        client.read_exactly(size)
        line = self.line(client, client.close)
        self.assertEqual((line["bytes_in"], line["bytes_out"]), (size, size))

    def test_each_connection_has_one_line_with_its_client(self):
        self.start()
        names = set()
        for number in range(20):
            with Client(self.proxy.port, source=f"127.0.0.{number + 1}") as client:
                client.read_exactly(len(GREETING))
                names.add("{}:{}".format(*name_of(client)))
        lines = self.proxy.wait_event("access", count=20)
        self.assertEqual({line["client"] for line in lines}, names)
        self.proxy.stop()
        self.assertEqual(len(self.proxy.access()), 20)

    def test_how_it_failed_has_a_name(self):
        self.start(timeouts={"idle": "500ms"})
        client = self.served()
        line = self.line(client, client.reset)
        self.assertEqual((line["error"], line["bytes_out"]), ("client_closed", len(GREETING)))
        client = self.served()
        line = self.line(client, lambda: client.send(PLEASE_RESET))
        self.assertEqual((line["error"], line["target"]), ("connection_reset", url_of(self.backend)))
        client = self.served()
        self.assertEqual(self.line_of(name_of(client))["error"], "idle_timeout")
        self.assert_reset(client)

    def test_the_target_that_took_over_is_the_one_that_is_named(self):
        good = self.using(Backend(greet))
        self.start(f"tcp://{LOOPBACK}:{free_port()}", good, loadbalance="first")
        client = self.served()
        line = self.line(client, client.close)
        self.assertEqual((line["target"], line["retries"], line.get("error")), (url_of(good), 1, None))

    def test_a_client_over_ipv6(self):
        self.start(listen="::1")
        client = self.served(host="::1")
        line = self.line(client, client.close)
        self.assertTrue(line["client"].startswith("[::1]:"), line)


if __name__ == "__main__":
    harness.main()
