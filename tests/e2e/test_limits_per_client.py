"""What one client address may take: requests a second, and connections at once."""

import socket

from backends import Backend, serve
from client import Client, get
from harness import OneTarget, Proxy, main, port_of, spec_of


class Rate(OneTarget):
    def test_over_the_rate_is_429_with_retry_after_and_reaches_no_target(self):
        self.start(serve(), perClient={"requestsPerSecond": 1, "burst": 5}, accessLog=True)
        client = self.client()
        statuses = []
        for _ in range(8):
            response = client.request("GET", "/", [("Accept", "application/json")])
            statuses.append(response.status)
            if response.status == 429:
                self.assertIn(int(response.get("retry-after")), (1, 2))
                self.assertIn(b'"status":429', response.body)
                self.assertFalse(response.closes)
        # A slow machine may let a second pass in between.
        self.assertEqual(statuses[:5], [200] * 5)
        self.assertGreaterEqual(statuses.count(429), 1)
        self.assertEqual(len(self.backend.requests), statuses.count(200))
        lines = self.eventually(lambda: len(self.proxy.access()) == 8 and self.proxy.access(), "access lines")
        self.assertEqual([line["status"] for line in lines], statuses)
        self.assertTrue(all(line["target"] == "" for line in lines if line["status"] == 429))

    def test_a_new_connection_is_no_new_allowance(self):
        self.start(serve(), perClient={"requestsPerSecond": 1, "burst": 3})
        statuses = [get(self.proxy.port).status for _ in range(6)]
        self.assertEqual(statuses[:3], [200] * 3)
        self.assertIn(429, statuses[3:])

    def test_it_recovers_at_its_rate(self):
        self.start(serve(), perClient={"requestsPerSecond": 20, "burst": 1})
        client = self.client()
        self.assertEqual(client.request().status, 200)
        self.eventually(lambda: client.request().status == 429, "the limit")
        self.eventually(lambda: client.request().status == 200, "the next allowance")

    def test_a_body_over_the_rate_is_not_taken_for_a_request(self):
        self.start(serve(), perClient={"requestsPerSecond": 1, "burst": 1})
        client = self.client()
        self.assertEqual(client.request().status, 200)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\nA: b\r\n\r\n")
        response = client.read_response()
        self.assertEqual((response.status, response.closes), (429, True))
        self.assertTrue(client.at_end())
        self.assertEqual(len(self.backend.requests), 1)

    def test_workers_count_together(self):
        backend = self.using(Backend(serve()))
        port = port_of([backend], perClient={"requestsPerSecond": 1, "burst": 10})
        proxy = self.using(Proxy(spec_of(port), workers=2))
        statuses = [get(proxy.port).status for _ in range(40)]
        # Each of two workers by itself would let 20 pass.
        self.assertLess(statuses.count(200), 16)


class Connections(OneTarget):
    def test_one_more_than_allowed_is_answered_429_and_closed(self):
        self.start(serve(), perClient={"connections": 2}, accessLog=True)
        first, second = self.client(), self.client()
        self.assertEqual(first.request().status, 200)
        self.assertEqual(second.request().status, 200)
        with Client(self.proxy.port) as third:
            response = third.read_response()
            self.assertEqual((response.status, response.closes), (429, True))
            self.assertEqual(response.get("retry-after"), "1")
            self.assertTrue(third.at_end())
        self.assertEqual(first.request().status, 200)
        line = self.proxy.wait_event("access", status=429)[0]
        self.assertEqual(line["error"], "over_limit")
        second.close()
        self.eventually(lambda: self.try_get() == 200, "room again")

    def test_another_address_is_not_concerned(self):
        self.start(serve(), perClient={"connections": 1})
        first = self.client()
        self.assertEqual(first.request().status, 200)
        with socket.socket() as other:
            other.bind(("127.0.0.2", 0))
            other.settimeout(20)
            other.connect(("127.0.0.1", self.proxy.port))
            other.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertTrue(other.recv(4096).startswith(b"HTTP/1.1 200 "))

    def try_get(self):
        return get(self.proxy.port).status


if __name__ == "__main__":
    main()
