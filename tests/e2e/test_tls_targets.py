"""Targets that speak TLS: trust, how connections to them end, and what the client sees of it."""

import contextlib
import socket
import ssl
import threading
import time

import harness
from acceptance import KEPT_IDLE, MIB, NEVER_IDLE, AcceptanceCase
from backends import Backend, say, serve
from harness import FAST_CHECKS, Proxy, port_of, spec_of
from secure import Certificates, TlsBackend, TlsSocket, showing

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nall that there is"


class TargetCase(AcceptanceCase):
    memory_growth = 4 * MIB  # the first handshake makes a context, and reads the CAs

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates = cls.enterClassContext(Certificates())
        cls.ca = cls.certificates.authority("inner")
        cls.pair = cls.certificates.signed("localhost", cls.ca)

    def target(self, script=None, pair=None, version=None, **options):
        return self.using(TlsBackend(showing(pair or self.pair, version), script, **options))

    def start(self, *targets, requests, **options):
        options = {"targetTls": {"ca": self.ca[0]}, **options}
        targets = [self.target(target) if callable(target) else target for target in targets]
        return super().start(*targets, requests=requests, **options)

    @contextlib.contextmanager
    def case(self, name):
        """One of several in a test, with an aftermath of its own."""
        with self.subTest(name):
            yield
        self.doCleanups()


class Trust(TargetCase):
    status = 200  # of everything

    def refused(self, target, **options):
        self.status = 503
        self.start(target, requests=1, **options)
        self.assertEqual(self.client().request().status, self.status)
        self.assertEqual(self.wait_line()["error"], "tls_handshake_failed")
        for backend in self.backends:
            self.assertEqual(backend.received(), b"")

    def heal(self):
        """No healing makes the target trustworthy."""

    def fresh(self):
        response = super().fresh()
        self.assertEqual(response.status, self.status)
        response.status = 200
        return response

    def test_the_right_name_by_the_right_authority(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.case(version):
                self.start(self.target(serve(b"inner"), version=version), requests=1)
                self.assertEqual(self.client().request().body, b"inner")

    def test_another_name(self):
        self.refused(self.target(pair=self.certificates.signed("other.test", self.ca)))

    def test_another_name_that_is_meant(self):
        target = self.target(pair=self.certificates.signed("other.test", self.ca))
        spec = {"url": target.url, "serverName": "other.test"}
        self.start(spec, requests=1)
        self.assertEqual(self.client().request().status, 200)

    def test_another_authority(self):
        self.refused(self.target(pair=self.certificates.signed("localhost", self.certificates.authority("outer"))))

    def test_no_authority(self):
        self.refused(self.target(pair=self.certificates.self_signed("localhost")))

    def test_expired(self):
        self.refused(self.target(pair=self.certificates.signed("localhost", self.ca, days=-1)))

    def test_an_address_that_the_certificate_does_not_name(self):
        self.refused(self.target(name="127.0.0.1"))

    def test_an_address_that_it_names(self):
        pair = self.certificates.self_signed("127.0.0.1", "::1")
        self.start(self.target(pair=pair, name="127.0.0.1"), requests=1, targetTls={"ca": pair[0]})
        self.assertEqual(self.client().request().status, 200)

    def test_all_of_these_where_nothing_is_checked(self):
        pairs = (self.certificates.signed("other.test", self.ca), self.certificates.self_signed("localhost"),
                 self.certificates.signed("localhost", self.ca, days=-1))
        for pair in pairs:
            with self.case(pair):
                target = self.target(pair=pair)
                self.start({"url": target.url, "tlsValidate": False}, requests=1)
                self.assertEqual(self.client().request().status, 200)

    def test_too_old_a_version(self):
        self.refused(self.target(version=ssl.TLSVersion.TLSv1_2),
                     targetTls={"ca": self.ca[0], "minVersion": "1.3"})

    def test_a_target_that_speaks_plain_http(self):
        backend = self.using(Backend(lambda peer: peer.more() and peer.answer(b"what?", "400 Bad Request")))
        self.refused(f"https://localhost:{backend.port}")
        self.assertNotIn(b"GET", backend.received())

    def test_checks_say_why(self):
        ports = {"expired": self.target(pair=self.certificates.signed("localhost", self.ca, days=-1)),
                 "self-signed": self.target(pair=self.certificates.self_signed("localhost")),
                 "mismatch": self.target(pair=self.certificates.signed("other.test", self.ca))}
        checks = {**FAST_CHECKS, "type": "http", "path": "/"}
        spec = spec_of(*[port_of([target], health=checks, targetTls={"ca": self.ca[0]}) for target in ports.values()])
        proxy = self.using(Proxy(spec))
        for reason, target in ports.items():
            down = proxy.wait_event("target_down", target=target.url)[0]
            self.assertRegex(down["reason"], f"tls: .*{reason}")


class Handshakes(TargetCase):
    def test_one_that_stalls_is_left_for_the_next(self):
        silent = self.using(Backend(lambda peer: peer.wait_closed()))
        self.start(f"https://localhost:{silent.port}", serve(b"next"), requests=1, loadbalance="first",
                   timeouts={"connect": "300ms"})
        self.assertEqual(self.client().request(body=b"once", method="POST").body, b"next")
        line = self.wait_line()
        self.assertEqual((line["retries"], line["status"]), (1, 200))

    def test_all_that_stall_are_a_504(self):
        silent = self.using(Backend(lambda peer: peer.wait_closed()))
        self.start(f"https://localhost:{silent.port}", requests=1, timeouts={"connect": "300ms"})
        begun = time.monotonic()
        self.assertEqual(self.client().request().status, 504)
        self.assertLess(time.monotonic() - begun, 8)
        self.fresh = lambda: self.as_if_200(504)

    def test_one_that_cuts_it_is_left_for_the_next(self):
        for name, script in {"FIN": lambda peer: peer.more(), "RST": lambda peer: peer.more() and peer.reset(),
                             "garbage": lambda peer: peer.more() and peer.send(b"220 mail.test\r\n" * 10),
                             "alert": lambda peer: peer.more() and peer.send(b"\x15\x03\x03\x00\x02\x02\x28")}.items():
            with self.case(name):
                bad = self.using(Backend(script))
                self.start(f"https://localhost:{bad.port}", serve(b"next"), requests=1, loadbalance="first")
                self.assertEqual(self.client().request(body=b"once", method="POST").body, b"next")

    def test_a_target_that_wants_a_certificate_gets_none(self):
        context = showing(self.pair)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.ca[0])
        self.start(self.using(TlsBackend(context)), requests=1)
        # In TLS 1.3 the refusal comes when the handshake is over for us.
        self.assertEqual(self.client().request().status, 502)
        self.fresh = lambda: self.as_if_200(502)

    def as_if_200(self, status):
        """A fresh request fares as the first one did: nothing heals these targets."""
        response = super().fresh()
        self.assertEqual(response.status, status)
        response.status = 200
        return response


class Connections(TargetCase):
    def two_requests(self, script, connections, **options):
        self.start(self.target(script), requests=2, **options)
        client = self.client()
        self.assertEqual(client.request().status, 200)
        between = getattr(self, "between", None)
        if between:
            between()
        self.assertEqual(client.request().status, 200)
        self.assertEqual(len(self.backend.peers), connections)

    def test_one_is_used_again(self):
        self.two_requests(serve(), connections=1, upstream=KEPT_IDLE)

    def test_the_next_one_resumes_its_session(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.case(version):
                self.start(self.target(say(OK), version=version), requests=4)
                for _ in range(4):
                    self.assertEqual(self.client().request().status, 200)
                self.assertEqual(self.backend.handshakes, [False, True, True, True])

    def test_a_ticket_while_idle_leaves_it_in_the_pool(self):
        """TLS 1.3 servers send them when they like. Here the first of two comes behind the first answer."""
        class Late(TlsBackend):
            def _run(self, peer):
                peer.socket = TlsSocket(peer.socket, self.context, server=True)
                flush, peer.socket.flush = peer.socket.flush, lambda: None
                while True:
                    try:
                        peer.socket.tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        flush()
                        peer.socket.pull()
                self.handshakes.append(peer.socket.tls.session_reused)
                Backend._run(self, peer)

        def script(peer):
            tickets = peer.socket.records_of(b"")
            peer.read_request()
            # Records are numbered: these came first.
            first = int.from_bytes(tickets[3:5], "big") + 5
            peer.socket.socket.sendall(tickets[:first])
            wire = tickets[first:] + peer.socket.records_of(OK)
            peer.socket.socket.sendall(wire)
            while peer.read_request():
                peer.answer(b"ok")

        context = showing(self.pair, ssl.TLSVersion.TLSv1_3)
        self.start(self.using(Late(context, script)), requests=2, upstream=KEPT_IDLE)
        client = self.client()
        self.assertEqual(client.request().status, 200)
        self.assertEqual(client.request().status, 200)
        self.assertEqual(len(self.backend.peers), 1)

    def ends_while_idle(self, end):
        """The target ends it between two requests: the next one goes out on another, once."""
        ended = threading.Event()

        def script(peer):
            peer.read_request()
            peer.answer(b"ok")
            if len(self.backend.peers) == 1:
                end(peer)
                ended.set()
            else:
                peer.wait_closed()

        self.start(script, requests=2, upstream=NEVER_IDLE, timeouts={"idle": "1s"})
        client = self.client()
        self.assertEqual(client.request().status, 200)
        ended.wait(20)
        self.assertEqual(client.request("POST", body=b"once").status, 200)
        self.assertEqual([request.method for request in self.backend.requests], ["GET", "POST"])
        self.backend.refuse()
        self.backend.listen()

    def without_a_word(self, peer):
        peer.socket.says_end = False
        peer.socket.close()

    def test_ended_while_idle_in_due_form(self):
        self.ends_while_idle(lambda peer: peer.socket.close())

    def test_ended_while_idle_without_a_word(self):
        self.ends_while_idle(self.without_a_word)

    def test_ended_while_idle_by_close_notify_alone(self):
        self.ends_while_idle(lambda peer: (peer.socket.say_end(), peer.wait_closed()))

    def test_ended_while_idle_by_a_reset(self):
        self.ends_while_idle(lambda peer: peer.reset())

    def test_a_byte_while_idle_ends_it(self):
        self.ends_while_idle(lambda peer: (peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), peer.wait_closed()))

    def test_a_byte_too_many_behind_an_answer_ends_it(self):
        for one_record in (True, False):
            with self.case(one_record):
                evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

                def script(peer):
                    while peer.read_request():
                        if one_record:
                            peer.send(OK + evil)
                        else:
                            peer.socket.socket.sendall(peer.socket.records_of(OK) + peer.socket.records_of(evil))

                self.start(script, requests=2, upstream=NEVER_IDLE)
                client = self.client()
                for _ in range(2):
                    self.assertEqual(client.request().body, b"ok")
                self.assertEqual(len(self.backend.peers), 2)


class Answers(TargetCase):
    def answer(self, script, **options):
        self.start(script, requests=1, **options)
        client = self.client()
        client.send_request()
        return client.read_response()

    def test_one_that_ends_with_its_connection(self):
        def script(peer):
            peer.read_request()
            peer.send(UNTIL_CLOSE)

        response = self.answer(script)
        self.assertEqual((response.body, response.complete), (b"all that there is", True))

    def test_one_that_ends_without_close_notify_is_cut(self):
        """Anybody on the way can send a FIN: the client must not take it for the end."""
        for version in ("1.1", "1.0"):
            with self.case(version):
                def script(peer):
                    peer.read_request()
                    peer.send(UNTIL_CLOSE)
                    peer.socket.says_end = False

                self.start(script, requests=1)
                client = self.client()
                client.send_request(version=version)
                response = client.read_response()
                self.assertFalse(response.complete)
                self.assertTrue(client.was_reset)

    def test_one_whose_length_is_known_may_end_without_a_word(self):
        for body in (OK, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"):
            with self.case(body):
                def script(peer):
                    peer.read_request()
                    peer.send(body)
                    peer.socket.says_end = False

                response = self.answer(script)
                self.assertEqual((response.body, response.complete), (b"ok", True))

    def test_half_of_one_is_cut(self):
        for body in (OK[:-1], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"):
            for says_end in (True, False):
                with self.case((body, says_end)):
                    def script(peer):
                        peer.read_request()
                        peer.send(body)
                        peer.socket.says_end = says_end

                    self.assertFalse(self.answer(script).complete)

    def test_none_is_a_502(self):
        for says_end in (True, False):
            with self.case(says_end):
                def script(peer):
                    if peer.read_request():
                        peer.socket.says_end = says_end

                self.assertEqual(self.answer(script, retries={"attempts": 1}).status, 502)

    def test_a_broken_record_is_a_502(self):
        def script(peer):
            peer.read_request()
            record = bytearray(peer.socket.records_of(OK))
            record[-1] ^= 1
            peer.socket.socket.sendall(record)
            peer.wait_closed()

        self.assertEqual(self.answer(script, retries={"attempts": 1}).status, 502)

    def test_one_before_the_body_was_read(self):
        """The target answers, and closes without reading on: the client gets the answer all the same."""
        def script(peer):
            peer.read_head()
            peer.answer(b"too large", status="413 Content Too Large", fields=[("Connection", "close")])
            peer.socket.shutdown(socket.SHUT_WR)
            release.wait(20)

        release = threading.Event()
        self.start(script, requests=1)
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + bytes(100_000))
        response = client.read_response()
        release.set()
        self.assertEqual((response.status, response.body), (413, b"too large"))

    def test_a_record_a_byte(self):
        def script(peer):
            while peer.read_request():
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100:
                    peer.send(bytes([byte]))

        response = self.answer(script)
        self.assertEqual((response.body, response.complete), (b"x" * 100, True))

    def test_a_byte_of_the_wire_at_a_time(self):
        def script(peer):
            while peer.read_request():
                for byte in peer.socket.records_of(OK):
                    peer.socket.socket.sendall(bytes([byte]))

        self.assertEqual(self.answer(script).body, b"ok")


if __name__ == "__main__":
    harness.main()
