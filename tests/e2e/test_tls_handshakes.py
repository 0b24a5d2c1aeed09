"""What an https port agrees to, told by `openssl s_client`: versions, ciphers, names, tickets, client certificates."""

import glob
import os
import re
import signal
import ssl
import threading

import harness
from backends import Backend
from client import BadResponse
from harness import E2eTest, Proxy, is_sanitized, port_of, spec_of
from secure import Certificates, TlsClient, get_tls, openssl, settings, trusting

# In TLS 1.3 the client learns that its certificate was refused when it reads.
REFUSED = (ssl.SSLError, ConnectionError, EOFError, BadResponse)
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class HandshakeCase(E2eTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates = cls.enterClassContext(Certificates())
        cls.pair = cls.certificates.self_signed("localhost")
        cls.trusted = trusting(cls.pair[0])

    def serve(self, *pairs, workers=1, env=None, options=None, **tls):
        self.backend = self.using(Backend())
        spec = spec_of(port_of([self.backend], key="https", tls=settings(*(pairs or [self.pair]), **tls), **(options or {})))
        self.proxy = self.using(Proxy(spec, workers=workers, env=env))
        return self.proxy

    def s_client(self, *arguments, trust=None, stdin=REQUEST):
        """What it says, and whether a request went through."""
        done = openssl("s_client", "-connect", f"127.0.0.1:{self.proxy.port}", "-CAfile", trust or self.pair[0],
                       "-ign_eof", *arguments, stdin=stdin)
        text = done.stdout.decode("latin-1") + done.stderr.decode("latin-1")
        return text, "HTTP/1.1 200 OK" in text

    def agrees(self, *arguments, **more):
        text, served = self.s_client(*arguments, **more)
        self.assertTrue(served, text)
        self.assertIn("Verify return code: 0 (ok)", text)
        return text

    def refuses(self, alert, *arguments, **more):
        text, served = self.s_client(*arguments, **more)
        self.assertFalse(served, text)
        self.assertRegex(text, alert)


class Agreed(HandshakeCase):
    GOOD_12 = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    GOOD_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")

    def test_versions(self):
        self.serve()
        for flag, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            self.assertIn(f"New, {name}, Cipher is", self.agrees(flag).replace("TLSv1.2, TLSv1.2", "TLSv1.2"))
        # At level 0 the client itself would speak them.
        for flag in ("-tls1", "-tls1_1"):
            self.refuses("alert protocol version", flag, "-cipher", "ALL:@SECLEVEL=0")

    def test_the_least_version(self):
        self.serve(minVersion="1.3")
        self.agrees("-tls1_3")
        self.refuses("alert protocol version", "-tls1_2")

    def test_ciphers(self):
        self.serve()
        for name in self.GOOD_13:
            self.assertIn(f"Cipher is {name}", self.agrees("-tls1_3", "-ciphersuites", name))
        for name in self.GOOD_12:
            self.assertIn(f"Cipher is ECDHE-ECDSA-{name}",
                          self.agrees("-tls1_2", "-cipher", f"ECDHE-ECDSA-{name}"))

    def test_ciphers_that_are_not_spoken(self):
        """Without forward secrecy, without authenticated encryption, without authentication."""
        self.serve()
        for name in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM", "AES128-GCM-SHA256",
                     "AES256-SHA", "DHE-RSA-AES128-GCM-SHA256", "AECDH-AES128-SHA", "NULL-SHA256",
                     "PSK-AES128-GCM-SHA256"):
            with self.subTest(name):
                self.refuses("alert handshake failure|no ciphers available", "-tls1_2", "-cipher", f"{name}:@SECLEVEL=0",
                             "-psk", "00")
        self.refuses("alert handshake failure", "-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256")

    def test_groups(self):
        self.serve()
        for group, name in (("X25519", "X25519"), ("P-256", "prime256v1|P-256"), ("P-384", "secp384r1|P-384")):
            self.assertRegex(self.agrees("-tls1_3", "-groups", group), f"Server Temp Key: .*({name})")
        self.refuses("alert handshake failure", "-tls1_3", "-groups", "P-521")

    def test_neither_compression_nor_renegotiation(self):
        self.serve()
        text = self.agrees("-tls1_2", "-comp")
        self.assertIn("Compression: NONE", text)
        self.assertIn("Secure Renegotiation IS supported", text)
        # "R" makes s_client ask for a new handshake.
        done = openssl("s_client", "-connect", f"127.0.0.1:{self.proxy.port}", "-tls1_2", stdin=b"R\n")
        self.assertIn(b"RENEGOTIATING", done.stdout + done.stderr)
        self.assertIn(b"no renegotiation", done.stderr)

    def test_a_key_update_is_taken(self):
        self.serve()
        done = openssl("s_client", "-connect", f"127.0.0.1:{self.proxy.port}", "-tls1_3", stdin=b"K\nk\nQ\n")
        self.assertIn(b"KEYUPDATE", done.stdout + done.stderr)
        self.assertNotIn(b"alert", (done.stdout + done.stderr).lower())

    def test_no_early_data(self):
        self.serve()
        self.assertIn("Max Early Data: 0", self.agrees("-tls1_3"))

    def test_protocols_within(self):
        self.serve()
        self.assertIn("No ALPN negotiated", self.agrees())
        self.assertIn("ALPN protocol: http/1.1", self.agrees("-alpn", "h2,http/1.1"))
        self.refuses("alert no application protocol", "-alpn", "h2")
        self.eventually(lambda: get_tls(self.proxy.port, self.trusted).status == 200)

    def test_rsa_and_ecdsa_for_one_name_go_together(self):
        rsa = self.certificates.path("rsa.pem"), self.certificates.path("rsa.key")
        done = openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
                       "subjectAltName=DNS:localhost", "-days", "2", "-keyout", rsa[1], "-out", rsa[0])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.serve(self.pair, rsa)
        text = self.agrees("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-servername", "localhost", trust=rsa[0])
        self.assertIn("Cipher is ECDHE-RSA-AES128-GCM-SHA256", text)
        self.assertIn("ECDHE-ECDSA", self.agrees("-tls1_2", "-servername", "localhost"))


class Names(HandshakeCase):
    def test_the_name_decides(self):
        one, wild = self.certificates.self_signed("one.test"), self.certificates.self_signed("*.wild.test")
        self.serve(self.pair, one, (wild[0].replace("*", "_wildcard"), wild[1].replace("*", "_wildcard")))
        expected = {"one.test": "one.test", "ONE.test": "one.test", "a.wild.test": "*.wild.test",
                    "a.b.wild.test": "localhost", "other.test": "localhost"}
        for name, shown in expected.items():
            text, _ = self.s_client("-servername", name)
            self.assertRegex(text, rf"subject=CN ?= ?{re.escape(shown)}\n")
        text, _ = self.s_client("-noservername")
        self.assertRegex(text, r"subject=CN ?= ?localhost\n")


class Tickets(HandshakeCase):
    def resume(self, version, session, count=1):
        """How many of `count` connections were resumed."""
        resumed = 0
        for _ in range(count):
            text, served = self.s_client(version, "-sess_in", session)
            self.assertTrue(served, text)
            resumed += "\nReused, " in text
        return resumed

    def test_whichever_worker_the_client_meets(self):
        self.serve(workers=4)
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version):
                session = self.certificates.path("session" + version)
                # A ticket of TLS 1.3 comes after the handshake: the answer is waited for.
                self.assertTrue(self.s_client(version, "-sess_out", session)[1])
                self.assertEqual(self.resume(version, session, count=8), 8)

    def test_none_where_none_are_wanted(self):
        self.serve(sessionLifetime="0s")
        session = self.certificates.path("none")
        for version in ("-tls1_2", "-tls1_3"):
            self.assertTrue(self.s_client(version, "-sess_out", session)[1])
            self.assertFalse(os.path.exists(session))

    def test_of_another_process_it_is_only_a_longer_handshake(self):
        self.serve()
        session = self.certificates.path("foreign")
        self.assertTrue(self.s_client("-sess_out", session)[1])
        self.serve()
        self.assertEqual(self.resume("-tls1_3", session), 0)

    def test_spoilt_ones_are_too(self):
        self.serve()
        with TlsClient(self.proxy.port, trusting(self.pair[0], version=ssl.TLSVersion.TLSv1_2)) as client:
            self.assertEqual(client.request().status, 200)
        session = self.certificates.path("spoilt")
        self.assertTrue(self.s_client("-tls1_2", "-sess_out", session)[1])
        done = openssl("sess_id", "-in", session, "-outform", "DER", "-out", session + ".der")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(session + ".der", "rb") as file:
            data = bytearray(file.read())
        # The ticket is the last long string of it.
        data[-40] ^= 1
        with open(session + ".der", "wb") as file:
            file.write(data)
        openssl("sess_id", "-inform", "DER", "-in", session + ".der", "-out", session)
        self.assertEqual(self.resume("-tls1_2", session), 0)


class ClientCertificates(HandshakeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ca, cls.other_ca = cls.certificates.authority("staff"), cls.certificates.authority("guests")
        cls.member = cls.certificates.signed("member", cls.ca)
        cls.guest = cls.certificates.signed("guest", cls.other_ca)
        cls.expired = cls.certificates.signed("former", cls.ca, days=-1)

    def context(self, pair=None, version=None):
        context = trusting(self.pair[0], version=version)
        if pair:
            context.load_cert_chain(*pair)
        return context

    def status(self, context, **options):
        return get_tls(self.proxy.port, context, **options).status

    def test_who_is_let_in(self):
        for demand in ("required", "optional"):
            self.serve(clientCa=self.ca[0], clientCertificates=demand)
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(demand=demand, version=version):
                    self.assertEqual(self.status(self.context(self.member, version)), 200)
                    for pair in (self.guest, self.expired, self.pair):
                        with self.assertRaises(REFUSED):
                            self.status(self.context(pair, version))
                    if demand == "optional":
                        self.assertEqual(self.status(self.context(None, version)), 200)
                    else:
                        with self.assertRaises(REFUSED):
                            self.status(self.context(None, version))

    def test_a_name_does_not_open_another_door(self):
        other = self.certificates.self_signed("other.test")
        self.serve(self.pair, other, clientCa=self.ca[0])
        context = trusting(self.pair[0], other[0])
        for name in ("localhost", "other.test"):
            with self.assertRaises(REFUSED):
                self.status(context, name=name)
        context.load_cert_chain(*self.member)
        for name in ("localhost", "other.test"):
            self.assertEqual(self.status(context, name=name), 200)

    def session_of(self, context, session=None):
        """A session to come back with, and whether this connection was resumed."""
        with TlsClient(self.proxy.port, context, session=session) as client:
            self.assertEqual(client.request().status, 200)
            return client.socket.tls.session, client.socket.tls.session_reused

    def test_a_ticket_is_as_good_as_the_certificate_behind_it(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                live = self.certificates.path("live-ca.pem")
                self.copy(self.ca[0], live)
                self.serve(clientCa=live)
                context = self.context(self.member, version)
                session, _ = self.session_of(context)
                session, resumed = self.session_of(context, session)
                self.assertTrue(resumed)
                self.copy(self.other_ca[0], live)
                self.proxy.signal(signal.SIGHUP)
                self.proxy.wait_event("certificate_reloaded")
                with self.assertRaises(REFUSED):
                    self.session_of(context, session)
                self.assertEqual(self.status(self.context(self.guest, version)), 200)

    def test_a_ticket_does_not_outlive_the_certificate(self):
        found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not found or is_sanitized():
            self.skipTest("no libfaketime, or a sanitizer's library must come first")
        clock = self.certificates.path("clock")
        self.write(clock, "+0")
        self.serve(clientCa=self.ca[0], sessionLifetime="24h", env={
            "LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
        context = self.context(self.certificates.signed("passing", self.ca, days=1))
        self.write(clock, "+20h")
        session, _ = self.session_of(context)
        self.write(clock, "+22h")
        session, resumed = self.session_of(context, session)
        self.assertTrue(resumed)
        self.write(clock, "+26h")
        with self.assertRaises(REFUSED):
            self.session_of(context, session)

    @staticmethod
    def copy(source, target):
        with open(source, encoding="ascii") as file:
            ClientCertificates.write(target, file.read())

    @staticmethod
    def write(path, text):
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.replace(path + ".new", path)


class Floods(HandshakeCase):
    def test_many_at_once_and_nobody_starves(self):
        self.serve(workers=1)
        failures = []

        def client():
            try:
                for _ in range(5):
                    assert get_tls(self.proxy.port, self.trusted).status == 200
            except Exception as failure:  # pylint: disable=broad-exception-caught
                failures.append(repr(failure))

        threads = [threading.Thread(target=client) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.backend.count(), 200)


if __name__ == "__main__":
    harness.main()
