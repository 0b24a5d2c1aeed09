"""Acceptance cases whose clients speak TLS."""

from acceptance import FRESH, MIB, AcceptanceCase
from secure import Certificates, TlsClient, get_tls, settings, trusting


class OverTls(AcceptanceCase):
    """A case of plain HTTP becomes one of https by standing before it: class X(OverTls, CaseOfHttp)."""

    memory_growth = 4 * MIB  # the first handshake makes contexts

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates = cls.enterClassContext(Certificates())
        cls.pair = cls.certificates.self_signed("localhost")
        cls.trusted = trusting(cls.pair[0])

    def start(self, *targets, requests, tls=None, **options):
        return super().start(*targets, requests=requests, key="https", tls=settings(self.pair, **(tls or {})), **options)

    def client(self, **options):
        return self.using(TlsClient(self.proxy.port, self.trusted, **options))

    def fresh(self):
        return get_tls(self.proxy.port, self.trusted, FRESH)
