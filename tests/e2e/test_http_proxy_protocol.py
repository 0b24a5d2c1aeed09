"""The PROXY protocol in front of http and https ports: who the client is then, and what is refused."""

import ssl

from backends import Backend, serve
from client import Client
from harness import E2eTest, Proxy, main, port_of, spec_of
from secure import Certificates, settings, trusting
from test_tcp_proxy_protocol import ALICE, BOB, FROM_LOOPBACK, LOCAL, MALFORMED, VERSIONS, v1, v2

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class HeaderCase(E2eTest):
    def start(self, key="http", **options):
        self.backend = self.using(Backend(serve()))
        port = port_of([self.backend], key=key, accessLog=True, **{"acceptProxyProtocol": FROM_LOOPBACK, **options})
        self.proxy = self.using(Proxy(spec_of(port)))

    def connect(self):
        return self.using(Client(self.proxy.port))

    def forwarded_for(self):
        return self.backend.requests[-1].get("x-forwarded-for")


class Accepted(HeaderCase):
    def test_the_client_is_the_one_of_the_header(self):
        self.start()
        for _, make in VERSIONS:
            for ends, ip, shown in ((ALICE, "192.0.2.7", "192.0.2.7:51034"), (BOB, "2001:db8::7", "[2001:db8::7]:65535")):
                client = self.connect()
                client.send(make(*ends) + GET)
                self.assertEqual(client.read_response().status, 200)
                self.assertEqual(self.forwarded_for(), ip)
                self.proxy.wait_event("access", client=shown)

    def test_it_holds_for_the_whole_connection_and_is_no_part_of_a_request(self):
        self.start()
        client = self.connect()
        client.send(v2(*ALICE) + GET + GET)
        for _ in range(2):
            self.assertEqual(client.read_response().status, 200)
            self.assertEqual(self.forwarded_for(), "192.0.2.7")
        client.send(v1(*BOB) + GET)
        self.assertEqual(client.read_response().status, 400)
        self.assertEqual(len(self.backend.requests), 2)

    def test_byte_by_byte(self):
        self.start()
        for _, make in VERSIONS:
            client = self.connect()
            for byte in make(*BOB) + GET:
                client.send(bytes([byte]))
            self.assertEqual(client.read_response().status, 200)
            self.assertEqual(self.forwarded_for(), "2001:db8::7")

    def test_without_a_client_in_the_header_it_is_the_peer(self):
        self.start()
        for header in (LOCAL, b"PROXY UNKNOWN\r\n"):
            client = self.connect()
            client.send(header + GET)
            self.assertEqual(client.read_response().status, 200)
            self.assertEqual(self.forwarded_for(), "127.0.0.1")

    def test_tls_begins_behind_it(self):
        certificates = self.using(Certificates())
        pair = certificates.self_signed("localhost")
        self.start(key="https", tls=settings(pair))
        for _, make in VERSIONS:
            plain = self.connect()
            plain.send(make(*ALICE))
            with trusting(pair[0]).wrap_socket(plain.socket, server_hostname="localhost") as client:
                client.sendall(GET)
                self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n"))
            self.assertEqual(self.forwarded_for(), "192.0.2.7")

    def test_per_client_counts_the_client_of_the_header(self):
        self.start(perClient={"connections": 1})
        first = self.connect()
        first.send(v1(*ALICE) + GET)
        self.assertEqual(first.read_response().status, 200)
        same = self.connect()
        same.send(v1((ALICE[0][0], 7), ALICE[1]) + GET)
        self.assertEqual(same.read_response().status, 429)
        other = self.connect()
        other.send(v1(*BOB) + GET)
        self.assertEqual(other.read_response().status, 200)
        first.close()
        self.eventually(lambda: self.status_of_one_more() == 200, "the place is free again")

    def status_of_one_more(self):
        with Client(self.proxy.port) as client:
            client.send(v2(*ALICE) + GET)
            return client.read_response().status


class Refused(HeaderCase):
    def assert_closed(self, client):
        self.assertEqual(client.read_to_end(), b"")
        self.assertEqual(self.backend.requests, [])

    def test_whoever_has_no_right_header(self):
        self.start()
        for name, header in MALFORMED.items():
            with self.subTest(name):
                client = self.connect()
                client.send(header)
                self.assert_closed(client)

    def test_whoever_stands_elsewhere(self):
        self.start(acceptProxyProtocol=["192.0.2.1"])
        client = self.connect()
        client.send(v2(*ALICE) + GET)
        self.assert_closed(client)

    def test_whoever_takes_too_long(self):
        self.start(timeouts={"proxyHeader": "100ms"})
        client = self.connect()
        client.send(v2(*ALICE)[:-1])
        self.assert_closed(client)

    def test_a_header_that_ends_before_its_end(self):
        self.start()
        client = self.connect()
        client.send(v2(*ALICE)[:-1])
        client.half_close()
        self.assert_closed(client)

    def test_tls_that_comes_without_it(self):
        certificates = self.using(Certificates())
        pair = certificates.self_signed("localhost")
        self.start(key="https", tls=settings(pair))
        client = self.connect()
        with self.assertRaises((ssl.SSLError, OSError)):
            trusting(pair[0]).wrap_socket(client.socket, server_hostname="localhost")
        self.assertEqual(self.backend.requests, [])


if __name__ == "__main__":
    main()
