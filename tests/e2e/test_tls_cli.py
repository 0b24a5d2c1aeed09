"""https ports by way of the command: certificates made, loaded, checked, and replaced while they serve."""

import json
import os
import shutil
import signal
import ssl
import stat
import subprocess
import tempfile
import threading

import harness
from backends import Backend
from client import Client, get
from harness import FAST_CHECKS, E2eTest, Proxy, port_of, run_command, spec_of
from processes import free_port, wait_for


def trusting(*certificates, version=None):
    context = ssl.create_default_context()
    for certificate in certificates:
        context.load_verify_locations(certificate)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


class TlsClient(Client):
    """Requests inside of TLS; `name` is asked for and checked."""

    def __init__(self, port, context, name="localhost"):
        super().__init__(port)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=name)
        except OSError:
            self.socket.close()
            raise

    def shown(self):
        return self.socket.getpeercert(binary_form=True)


def get_tls(port, context, name="localhost"):
    with TlsClient(port, context, name) as client:
        return client.request(fields=[("Connection", "close")])


def der_of(path):
    with open(path, encoding="ascii") as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


class TlsCase(E2eTest):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="evenkeel-")
        self.addCleanup(shutil.rmtree, self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def make(self, name="localhost", *more, out=None, days=30):
        """A self-signed pair in a directory of its own: the paths of both."""
        out = out or tempfile.mkdtemp(dir=self.directory)
        code, _, err = run_command("cert", "--self-signed", name, *more, "--out", out, "--days", str(days))
        self.assertEqual(code, 0, err)
        return os.path.join(out, f"{name}.pem"), os.path.join(out, f"{name}.key")

    def copy_to(self, pair, name="live"):
        """Puts the pair where a proxy looks for it, by renaming: first the one, then the other."""
        for source, ending in zip(pair, (".pem", ".key")):
            shutil.copy(source, self.path("next"))
            os.rename(self.path("next"), self.path(name + ending))
        return self.path(name + ".pem"), self.path(name + ".key")

    @staticmethod
    def tls(*pairs, **more):
        return {"certificates": [{"certificate": certificate, "key": key} for certificate, key in pairs], **more}

    def serve(self, *pairs, options=None, args=(), workers=2, **tls):
        """An https port with these certificates in front of one backend."""
        self.backend = self.using(Backend())
        spec = spec_of(port_of([self.backend], key="https", tls=self.tls(*pairs, **tls), **(options or {})))
        return self.using(Proxy(spec, *args, workers=workers))

    def spec_file(self, spec):
        return self.write("spec.json", spec if isinstance(spec, str) else json.dumps(spec))


class CertCommand(TlsCase):
    def cert(self, *arguments):
        return run_command("cert", *arguments, "--out", self.directory)

    def test_a_pair_and_how_to_use_it(self):
        code, out, err = self.cert("--self-signed", "localhost", "127.0.0.1", "*.example.test")
        self.assertEqual((code, err), (0, ""))
        certificate, key = self.path("localhost.pem"), self.path("localhost.key")
        self.assertEqual(sorted(os.listdir(self.directory)), ["localhost.key", "localhost.pem"])
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(certificate).st_mode), 0o644)
        for word in (certificate, key, "localhost, 127.0.0.1, *.example.test", "365 days", "--cacert"):
            self.assertIn(word, out)
        with open(key, encoding="ascii") as file:
            self.assertNotIn(file.read().splitlines()[1], out)
        snippet = next(line for line in out.splitlines() if '"tls"' in line)
        code, _, err = run_command("check", self.spec_file(
            '{%s, "proxies": {"p": {"ports": {"443/https": {"targets": ["a:1"]}}}}}' % snippet))
        self.assertEqual(code, 0, err)

    def test_what_is_there_is_not_overwritten(self):
        for there in ("localhost.pem", "localhost.key"):
            with self.subTest(there):
                path = self.write(there, "precious")
                code, _, err = self.cert("--self-signed", "localhost")
                self.assertEqual(code, 2)
                self.assertIn(path, err)
                self.assertIn("--force", err)
                self.assertEqual(os.listdir(self.directory), [there])
                with open(path, encoding="ascii") as file:
                    self.assertEqual(file.read(), "precious")
                os.unlink(path)

    def test_unless_asked_to(self):
        self.write("localhost.pem", "old")
        os.chmod(self.write("localhost.key", "old"), 0o644)
        self.assertEqual(self.cert("--self-signed", "localhost", "--force")[0], 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("localhost.key")).st_mode), 0o600)
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            self.path("localhost.pem"), self.path("localhost.key"))
        self.assertEqual(len(os.listdir(self.directory)), 2)

    def test_a_wildcard_has_no_star_in_its_file(self):
        self.assertEqual(self.cert("--self-signed", "*.example.test")[0], 0)
        self.assertEqual(sorted(os.listdir(self.directory)), ["_wildcard.example.test.key", "_wildcard.example.test.pem"])

    def test_mistakes_in_the_usage(self):
        for arguments in ([], ["--self-signed"], ["--self-signed", "../x"], ["--self-signed", "a b"],
                          ["--self-signed", "localhost", "--days", "0"], ["--self-signed", ""]):
            with self.subTest(arguments):
                code, _, err = self.cert(*arguments)
                self.assertEqual(code, 2)
                self.assertTrue(err)
        self.assertEqual(os.listdir(self.directory), [])

    def test_a_place_that_cannot_be_written(self):
        code, _, err = run_command("cert", "--self-signed", "localhost", "--out", self.path("nowhere"))
        self.assertEqual(code, 4)
        self.assertIn(self.path("nowhere/localhost.key"), err)


class Serving(TlsCase):
    def test_curl_gets_through(self):
        pair = self.make("localhost")
        proxy = self.serve(pair, options={"hsts": "max-age=60"})
        # The second answer is our own.
        for more, status in (([], b"200"), (["--request", "TRACE"], b"405")):
            done = subprocess.run(
                ["curl", "-sS", "-i", "--max-time", "20", "--cacert", pair[0], "--resolve",
                 f"localhost:{proxy.port}:127.0.0.1", f"https://localhost:{proxy.port}/path", *more],
                capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.startswith(b"HTTP/1.1 " + status), done.stdout)
            self.assertIn(b"\r\nStrict-Transport-Security: max-age=60\r\n", done.stdout)
        request = self.backend.requests[-1]
        self.assertEqual(request.target, "/path")
        self.assertEqual(request.get("x-forwarded-proto"), "https")

    def test_the_name_decides_which_certificate_is_shown(self):
        one, other = self.make("one.test"), self.make("other.test")
        proxy = self.serve(one, other)
        context = trusting(one[0], other[0])
        for name, pair in (("one.test", one), ("other.test", other)):
            with TlsClient(proxy.port, context, name) as client:
                self.assertEqual(client.shown(), der_of(pair[0]))
                self.assertEqual(client.request().status, 200)

    def test_the_oldest_version(self):
        pair = self.make()
        proxy = self.serve(pair, minVersion="1.3")
        self.assertEqual(get_tls(proxy.port, trusting(pair[0])).status, 200)
        with self.assertRaises(ssl.SSLError):
            get_tls(proxy.port, trusting(pair[0], version=ssl.TLSVersion.TLSv1_2))

    def test_a_redirect_to_https_and_one_inside_of_it(self):
        pair = self.make()
        redirect = lambda url: {"redirect": url}
        http, https = free_port(), free_port()
        spec = {"proxies": {"e2e": {"tls": self.tls(pair), "ports": {
            f"{http}/http": redirect("https://localhost/"), f"{https}/https": redirect("https://app.test/")}}}}
        self.using(Proxy(spec))
        self.assertEqual(get(http, "/x").get("location"), "https://localhost/x")
        self.assertEqual(get_tls(https, trusting(pair[0])).get("location"), "https://app.test/")

    def test_client_certificates(self):
        pair = self.make()
        client, key = self.path("client.pem"), self.path("client-key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=client", "-days", "2", "-keyout", key, "-out", client],
                       check=True, capture_output=True)
        knows = trusting(pair[0])
        knows.load_cert_chain(client, key)
        stranger = trusting(pair[0])
        stranger.load_cert_chain(*pair)
        for demand, without in (("required", False), ("optional", True)):
            with self.subTest(demand):
                proxy = self.serve(pair, clientCa=client, clientCertificates=demand)
                self.assertEqual(get_tls(proxy.port, knows).status, 200)
                # In TLS 1.3 the client learns of the refusal only when it reads.
                refused = (ssl.SSLError, ConnectionError, EOFError)
                if without:
                    self.assertEqual(get_tls(proxy.port, trusting(pair[0])).status, 200)
                else:
                    with self.assertRaises(refused):
                        get_tls(proxy.port, trusting(pair[0]))
                with self.assertRaises(refused):
                    get_tls(proxy.port, stranger)

    def test_https_targets(self):
        pair, other = self.make("localhost"), self.make("localhost")
        inner = self.serve(pair).port
        outer = {name: free_port() for name in ("trusted", "stranger", "blind", "named", "misnamed")}
        url = f"https://localhost:{inner}"
        address = f"https://127.0.0.1:{inner}"
        checks = {**FAST_CHECKS, "type": "http", "path": "/"}
        targets = {"trusted": url, "stranger": url, "blind": {"url": address, "tlsValidate": False},
                   "named": {"url": address, "serverName": "localhost"}, "misnamed": address}
        ports = {f"{outer[name]}/http": {
            "targets": [target], "health": checks, "outlier": False,
            "targetTls": {"ca": (other if name in ("stranger", "blind") else pair)[0]}}
            for name, target in targets.items()}
        proxy = self.using(Proxy({"proxies": {"e2e": {"ports": ports}}}))
        for name in ("trusted", "blind", "named"):
            with self.subTest(name):
                proxy.wait_event("target_up", port=f"e2e {outer[name]}/http")
                self.assertEqual(get(outer[name]).status, 200)
        for name in ("stranger", "misnamed"):
            with self.subTest(name):
                down = proxy.wait_event("target_down", port=f"e2e {outer[name]}/http")
                self.assertIn("tls", down[0]["reason"])
                self.assertIn(get(outer[name]).status, (502, 503))


class Load:
    """Clients that never stop: each request on a connection of its own, with either certificate trusted."""

    def __init__(self, port, context, threads=4):
        self.failures, self.shown, self.count = [], [], 0
        self.lock, self.stopping = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(port, context)) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, port, context):
        while not self.stopping.is_set():
            try:
                with TlsClient(port, context) as client:
                    shown = client.shown()
                    status = client.request(fields=[("Connection", "close")]).status
                    assert status == 200, status
                with self.lock:
                    self.count += 1
                    self.shown.append(shown)
            except Exception as failure:  # pylint: disable=broad-exception-caught
                with self.lock:
                    self.failures.append(repr(failure))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)


class Replacing(TlsCase):
    def shown(self, proxy, *trusted):
        with TlsClient(proxy.port, trusting(*trusted)) as client:
            self.assertEqual(client.request().status, 200)
            return client.shown()

    def test_under_load_by_renaming(self):
        old, new = self.make("old.test", "localhost"), self.make("new.test", "localhost")
        proxy = self.serve(self.copy_to(old))
        context = trusting(old[0], new[0])
        with TlsClient(proxy.port, context) as standing:
            self.assertEqual(standing.request().status, 200)
            with Load(proxy.port, context) as load:
                wait_for(lambda: load.failures or load.count >= 20, "requests before")
                self.copy_to(new)
                proxy.wait_event("certificate_reloaded")
                before = load.count
                wait_for(lambda: load.failures or load.count >= before + 50, "requests after")
            self.assertEqual(load.failures, [])
            self.assertEqual(load.shown[0], der_of(old[0]))
            # Handshakes that were under way aside, everybody sees the new one.
            self.assertEqual(set(load.shown[before + 20:]), {der_of(new[0])})
            self.assertEqual(standing.request().status, 200)
        self.assertEqual(proxy.events("certificate_kept"), [])
        self.assertIn("new.test, localhost, until ", proxy.events("certificate_reloaded")[0]["certificates"])

    def test_by_a_symbolic_link(self):
        old, new = self.make(), self.make()
        os.symlink(os.path.dirname(old[0]), self.path("live"))
        proxy = self.serve((self.path("live/localhost.pem"), self.path("live/localhost.key")))
        self.assertEqual(self.shown(proxy, old[0]), der_of(old[0]))
        os.symlink(os.path.dirname(new[0]), self.path("next"))
        os.rename(self.path("next"), self.path("live"))
        proxy.wait_event("certificate_reloaded")
        self.assertEqual(self.shown(proxy, new[0]), der_of(new[0]))

    def test_a_broken_file_changes_nothing(self):
        old, new = self.make(), self.make()
        certificate, key = self.copy_to(old)
        proxy = self.serve((certificate, key))
        self.write("live.pem", "not a certificate")
        kept = proxy.wait_event("certificate_kept")[0]
        self.assertEqual((kept["level"], kept["port"]), ("warning", f"{proxy.port}/https"))
        self.assertIn(certificate, kept["reason"])
        self.assertEqual(self.shown(proxy, old[0]), der_of(old[0]))
        # A key that belongs to another certificate is no better, and worth another word.
        shutil.copy(new[0], certificate)
        self.eventually(lambda: any("another certificate" in line["reason"] for line in proxy.events("certificate_kept")))
        self.assertEqual(self.shown(proxy, old[0]), der_of(old[0]))
        shutil.copy(new[1], key)
        proxy.wait_event("certificate_reloaded")
        self.assertEqual(self.shown(proxy, new[0]), der_of(new[0]))

    def test_a_file_that_is_gone_comes_back(self):
        old, new = self.make(), self.make()
        certificate, key = self.copy_to(old)
        proxy = self.serve((certificate, key))
        os.unlink(key)
        proxy.wait_event("certificate_kept")
        self.assertEqual(self.shown(proxy, old[0]), der_of(old[0]))
        self.copy_to(new)
        proxy.wait_event("certificate_reloaded")

    def test_sighup_reads_at_once(self):
        old, new = self.make(), self.make()
        certificate, key = self.copy_to(old)
        proxy = self.serve((certificate, key))
        proxy.signal(signal.SIGHUP)
        proxy.wait_event("certificate_unchanged")
        proxy.wait_event("reloaded", unchanged="1")  # the spec
        os.unlink(key)
        proxy.signal(signal.SIGHUP)
        proxy.wait_event("certificate_kept", limit=1.5)
        proxy.wait_event("reload_refused")
        proxy.wait_event("spec_error", pointer="/proxies/e2e/ports/%s~1https/tls/certificates/0/key" % proxy.port)
        self.copy_to(new)
        proxy.signal(signal.SIGHUP)
        proxy.wait_event("certificate_reloaded", limit=1.5)
        self.assertEqual(self.shown(proxy, new[0]), der_of(new[0]))

    def test_one_that_expires_is_warned_of(self):
        soon, late = self.make(days=3), self.make(days=30)
        proxy = self.serve(self.copy_to(soon))
        warned = proxy.wait_event("certificate_expires")[0]
        self.assertEqual((warned["level"], warned["names"]), ("warning", "localhost"))
        self.assertRegex(warned["reason"], r"^expires on 20\d\d-\d\d-\d\d$")
        self.copy_to(late)
        proxy.wait_event("certificate_reloaded")
        self.assertEqual(len(proxy.events("certificate_expires")), 1)


class Refusing(TlsCase):
    def setUp(self):
        super().setUp()
        self.good, self.other = self.make("good.test"), self.make("other.test")
        self.missing = (self.good[0], self.path("missing.key"))
        self.mismatched = (self.good[0], self.other[1])

    def spec(self, *pairs, **more):
        return self.spec_file(spec_of(port_of(["a:1"], free_port(), key="https"), tls=self.tls(*pairs, **more)))

    def test_check_tells_every_file_by_its_place(self):
        code, out, err = run_command("check", self.spec(self.good, self.missing, self.mismatched,
                                                        clientCa=self.path("ca.pem")))
        self.assertEqual((code, out), (1, ""))
        lines = err.splitlines()
        self.assertEqual(len(lines), 3, err)
        self.assertTrue(lines[0].startswith(f"/tls/certificates/1/key: {self.missing[1]}: No such file"), err)
        self.assertTrue(lines[1].startswith(f"/tls/certificates/2: {self.good[0]}: the key belongs to another"), err)
        self.assertTrue(lines[2].startswith(f"/tls/clientCa: {self.path('ca.pem')}: No such file"), err)

    def test_a_port_that_names_its_own(self):
        _, key, value = port_of(["a:1"], 443, key="https", tls=self.tls(self.missing))
        code, out, _ = run_command("check", "--json", self.spec_file(
            {"proxies": {"app": {"ports": {key: value}}}}))
        self.assertEqual(code, 1)
        errors = json.loads(out)["errors"]
        self.assertEqual([error["pointer"] for error in errors],
                         ["/proxies/app/ports/443~1https/tls/certificates/0/key"])

    def test_what_several_ports_inherit_is_told_once(self):
        ports = [port_of(["a:1"], key="https") for _ in range(3)]
        code, _, err = run_command("check", self.spec_file(spec_of(*ports, tls=self.tls(self.mismatched))))
        self.assertEqual((code, len(err.splitlines())), (1, 1), err)

    def test_a_good_one_is_shown(self):
        path = self.spec(self.good, self.other, minVersion="1.3")
        code, out, _ = run_command("check", path)
        self.assertEqual(code, 0)
        self.assertRegex(out, r"TLS 1\.3 or newer, certificate for good\.test until 20\d\d-\d\d-\d\d, certificate for other")
        code, out, _ = run_command("check", "--json", path)
        tls = json.loads(out)["ports"][0]["tls"]
        self.assertEqual((tls["min_version"], tls["client_certificates"]), ("1.3", "none"))
        self.assertEqual([one["names"] for one in tls["certificates"]], [["good.test"], ["other.test"]])

    def test_nothing_is_run(self):
        code, _, err = run_command("run", self.spec(self.good, self.missing, self.mismatched))
        self.assertEqual(code, 1)
        told = err.splitlines()
        self.assertEqual([line.split(":")[0] for line in told], ["/tls/certificates/1/key", "/tls/certificates/2"])
        self.assertIn(self.missing[1], told[0])


if __name__ == "__main__":
    harness.main()
