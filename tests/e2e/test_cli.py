"""The command as a person or a service manager meets it."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading

import harness
from backends import Backend
from client import Client, get
from harness import E2eTest, Proxy, port_of, run_command, spec_of
from processes import free_port, wait_for

GOOD = """{
  // comments are allowed
  "proxies": { "myapp": { "loadbalance": "leastconn", "ports": {
    "%d/http": { "targets": ["http://127.0.0.1:9001", { "url": "http://127.0.0.1:9002", "weight": 2 }] } } } }
}"""

# Eight mistakes, and where each must be reported.
EIGHT = """{
  "proxies": {
    "app": {
      "loadbalanc": "roundrobin",
      "health": { "interval": "5 parsecs", "rise": -1 },
      "ports": {
        "8080/http": { "targets": ["http://ok:80", "ftp://bad:21"], "loadbalance": "leastcon" },
        "99999/http": { "targets": ["http://ok:80"] },
        "8081/gopher": { "targets": ["http://ok:80"] },
        "8082/http": { "targets": [] }
      }
    }
  }
}"""
EIGHT_POINTERS = [
    "/proxies/app/loadbalanc",
    "/proxies/app/health/interval",
    "/proxies/app/health/rise",
    "/proxies/app/ports/8080~1http/targets/1",
    "/proxies/app/ports/8080~1http/loadbalance",
    "/proxies/app/ports/99999~1http",
    "/proxies/app/ports/8081~1gopher",
    "/proxies/app/ports/8082~1http/targets",
]


class CliTest(E2eTest):
    def spec_file(self, text):
        handle, path = tempfile.mkstemp(prefix="evenkeel-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        self.addCleanup(os.unlink, path)
        return path


class Check(CliTest):
    def test_a_good_spec(self):
        code, out, _ = run_command("check", self.spec_file(GOOD % 8080))
        self.assertEqual(code, 0)
        for word in ("myapp", "8080", "leastconn", "http://127.0.0.1:9001", "http://127.0.0.1:9002"):
            self.assertIn(word, out)

    def test_a_good_spec_as_json(self):
        code, out, _ = run_command("check", "--json", self.spec_file(GOOD % 8080))
        self.assertEqual(code, 0)
        self.assertIsInstance(json.loads(out), dict)

    def test_eight_mistakes_are_all_reported(self):
        code, out, err = run_command("check", self.spec_file(EIGHT))
        self.assertEqual(code, 1)
        text = out + err
        for pointer in EIGHT_POINTERS:
            self.assertTrue(any(f"{pointer}:" in line for line in text.splitlines()), f"{pointer} not in\n{text}")
        self.assertIn("leastconn", text)  # the nearest known strategy
        self.assertIn("loadbalance", text)  # the nearest known key

    def test_no_json_at_all(self):
        for text in ("", "{", "[]", "{} x", "\xff"):
            with self.subTest(text):
                code, out, err = run_command("check", self.spec_file(text))
                self.assertEqual(code, 1)
                self.assertTrue(out + err)

    def test_a_file_that_is_not_there(self):
        code, out, err = run_command("check", "/nowhere/spec.json")
        self.assertEqual(code, 1)
        self.assertIn("/nowhere/spec.json", out + err)


class Usage(CliTest):
    def test_help_and_version(self):
        for arguments in (["--help"], ["run", "--help"], ["check", "--help"], ["--version"]):
            with self.subTest(arguments):
                code, out, _ = run_command(*arguments)
                self.assertEqual(code, 0)
                self.assertTrue(out)

    def test_mistakes_in_the_usage(self):
        for arguments in ([], ["fly"], ["run"], ["check"], ["run", "x", "--workers", "many"], ["run", "x", "--no-such"]):
            with self.subTest(arguments):
                code, out, err = run_command(*arguments)
                self.assertEqual(code, 2)
                self.assertTrue(out + err)


class Run(CliTest):
    def test_a_bad_spec_is_not_run(self):
        code, out, err = run_command("run", self.spec_file(EIGHT))
        self.assertEqual(code, 1)
        for pointer in EIGHT_POINTERS:
            self.assertIn(pointer, out + err)

    def test_a_port_in_use(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            code, out, err = run_command("run", self.spec_file(GOOD % port))
        self.assertEqual(code, 3)
        self.assertIn(str(port), out + err)

    def test_one_of_two_ports_in_use_leaves_nothing_running(self):
        backend = self.using(Backend())
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            taken = holder.getsockname()[1]
            spec = spec_of(port_of([backend]), port_of([backend], taken))
            code, out, err = run_command("run", self.spec_file(json.dumps(spec)))
        self.assertEqual(code, 3)
        self.assertIn(str(taken), out + err)

    def test_an_address_that_is_not_ours(self):
        spec = spec_of(port_of(["http://127.0.0.1:9"]), listen="203.0.113.7")
        code, out, err = run_command("run", self.spec_file(json.dumps(spec)))
        self.assertEqual(code, 3)
        self.assertIn("203.0.113.7", out + err)

    def test_two_ports_of_one_process(self):
        one, two = self.using(Backend()), self.using(Backend())
        proxy = self.using(Proxy(spec_of(port_of([one]), port_of([two])), workers=2))
        for port in proxy.ports:
            self.assertEqual(get(port).status, 200)
        self.assertEqual((one.count(), two.count()), (1, 1))


class Completion(CliTest):
    """What bash offers behind words that are there already. The command itself is asked: nothing is listed twice."""

    ASK = """
source "$1"; shift
PATH=${EVENKEEL_BIN%/*}:$PATH
COMP_WORDS=(evenkeel "$@") COMP_CWORD=$#
_evenkeel
printf '%s\\n' "${COMPREPLY[@]}"
"""

    def offered(self, *words):
        script = pathlib.Path(__file__).parents[2] / "cli" / "completions" / "evenkeel.bash"
        done = subprocess.run(["bash", "-c", self.ASK, "bash", script, *words], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_commands_and_options(self):
        self.assertEqual(self.offered("ta"), ["targets"])
        self.assertEqual(set(self.offered("")), {"check", "cert", "run", "simulate", "status", "targets", "reload"})
        self.assertEqual(self.offered("targets", "dr"), ["drain"])
        self.assertEqual(self.offered("run", "--wa"), ["--watch"])
        self.assertEqual(self.offered("targets", "drain", "myapp", "80/http", "--d"), ["--deadline"])
        self.assertEqual(self.offered("run", "spec"), [])  # a file


class Stop(CliTest):
    def slow(self):
        self.begun, self.go = threading.Event(), threading.Event()
        self.addCleanup(self.go.set)

        def script(peer):
            while peer.read_request():
                self.begun.set()
                self.go.wait(30)
                peer.answer(b"done")

        self.backend = self.using(Backend(script))
        return self.using(Proxy(spec_of(port_of([self.backend])), workers=2))

    def test_idle_ends_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                backend = self.using(Backend())
                proxy = self.using(Proxy(spec_of(port_of([backend])), workers=2))
                with Client(proxy.port) as client:
                    client.request()  # an idle kept connection holds nothing up
                    proxy.signal(number)
                    self.assertEqual(proxy.wait(), 0)
                    self.assertTrue(client.at_end())

    def test_who_has_just_come_is_answered(self):
        backend = self.using(Backend())
        proxy = self.using(Proxy(spec_of(port_of([backend]))))
        with Client(proxy.port) as client, Client(proxy.port) as silent:
            with Client(proxy.port) as later:
                later.request()  # so those before it have been accepted
            proxy.signal(signal.SIGTERM)
            proxy.wait_event("draining")
            response = client.request()
            self.assertEqual(response.status, 200)
            self.assertTrue(response.closes)
            # Who says nothing is waited for no longer than a second.
            self.assertEqual(proxy.wait(), 0)
            self.assertTrue(silent.at_end())

    def test_work_under_way_is_finished(self):
        proxy = self.slow()
        with Client(proxy.port) as client:
            client.send_request()
            self.assertTrue(self.begun.wait(20))
            proxy.signal(signal.SIGTERM)
            proxy.wait_event("draining")
            wait_for(lambda: self.refused(proxy.port), "the port is closed to new work")
            self.assertIsNone(proxy.process.poll())
            self.go.set()
            response = client.read_response()
            self.assertEqual(response.body, b"done")
            self.assertTrue(response.closes)
            self.assertEqual(proxy.wait(), 0)

    @staticmethod
    def refused(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return False
        except OSError:
            return True

    def test_second_signal_ends_now(self):
        proxy = self.slow()
        with Client(proxy.port) as client:
            client.send_request()
            self.assertTrue(self.begun.wait(20))
            proxy.signal(signal.SIGTERM)
            proxy.wait_event("draining")
            proxy.signal(signal.SIGTERM)
            self.assertEqual(proxy.wait(), 5)

    def test_the_drain_has_a_deadline(self):
        self.begun, self.go = threading.Event(), threading.Event()
        self.addCleanup(self.go.set)
        backend = self.using(Backend(lambda peer: peer.read_request() and (self.begun.set(), self.go.wait(30))))
        proxy = self.using(Proxy(spec_of(port_of([backend])), "--drain-timeout", "300ms"))
        with Client(proxy.port) as client:
            client.send_request()
            self.assertTrue(self.begun.wait(20))
            proxy.signal(signal.SIGTERM)
            self.assertEqual(proxy.wait(), 5)

    def test_the_port_is_free_again(self):
        backend = self.using(Backend())
        port = free_port()
        for _ in range(3):
            with Proxy(spec_of(port_of([backend], port))) as proxy:
                self.assertEqual(get(proxy.port).status, 200)
                proxy.stop()


if __name__ == "__main__":
    harness.main()
