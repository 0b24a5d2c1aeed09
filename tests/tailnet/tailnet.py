"""A real tailnet for tests, in a network namespace that has nothing but loopback.

    tailnet.isolate()                      # first thing in a test file's main
    with tailnet.Tailnet() as net:
        net.start_client("laptop", login="ana@example.com", displayName="Aña")
        net.http("laptop", "http://app:80/", headers={"X": ["1"]})

`environment()` is what a process with a node of its own (evenkeel, tailscaled) needs.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(os.environ.get("TAILNET_BIN", HERE.parent.parent / "build" / "tailnet-tests"))
PATIENCE = 30

QUIET = {
    "TS_NO_LOGS_NO_SUPPORT": "1",
    "TS_DISABLE_PORTMAPPER": "1",
    "TS_ASSUME_NETWORK_UP_FOR_TEST": "1",
    "TS_PANIC_IF_HIT_MAIN_CONTROL": "1",
}


def isolate(*more):
    """Starts this program anew in a network namespace with only `lo`; returns there. `more`: of unshare(1)."""
    if os.environ.get("TAILNET_ISOLATED"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        skip("this machine does not allow a network namespace (unshare -n)")
    if not (BIN / "testtailnet").exists():
        skip(f"{BIN} has not been built: needs Go, see tests/tailnet/build.sh")
    os.environ["TAILNET_ISOLATED"] = "1"
    os.execvp("unshare", [*unshare, *more, "--", sys.executable, *sys.argv])


def skip(why):
    """Ends this program, so that it shows. Where the tests must run, as a failure."""
    print(f"SKIPPED: {why}", flush=True)
    sys.exit(1 if os.environ.get("EVENKEEL_TAILNET_REQUIRED") else 77)


class Refused(Exception):
    """What the admin port answers when it could not do as asked."""


class Tailnet:
    def __init__(self, verbose=False):
        arguments = ["-verbose"] if verbose else []
        self.process = subprocess.Popen([BIN / "testtailnet", *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"testtailnet ended with {self.process.returncode}")
        self.ready = json.loads(line)
        self.control = self.ready["control"]
        self.domain = self.ready["magicDnsDomain"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    @property
    def has_authority(self):
        return "acmeDirectory" in self.ready

    def environment(self):
        environment = {**os.environ, **QUIET}
        if self.has_authority:
            environment["TS_DEBUG_ACME_DIRECTORY_URL"] = self.ready["acmeDirectory"]
            environment["SSL_CERT_FILE"] = self.ready["acmeCaFile"]
        return environment

    def ask(self, method, path, /, **fields):
        body = json.dumps(fields).encode() if method == "POST" else None
        request = urllib.request.Request(self.ready["admin"] + path, body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise Refused(json.load(error)["error"]) from None

    def status(self):
        return self.ask("GET", "/status")["nodes"]

    def start_client(self, name, **fields):
        return self.ask("POST", "/clients", name=name, **fields)

    def stop_client(self, name):
        return self.ask("DELETE", f"/clients/{name}")

    def http(self, client, url, method="GET", **fields):
        return self.ask("POST", f"/clients/{client}/http", method=method, url=url, **fields)

    def tcp(self, client, address, send=b"", sendAfter=b"", **fields):
        answer = self.ask("POST", f"/clients/{client}/tcp", address=address, send=base64.b64encode(send).decode(),
                          sendAfter=base64.b64encode(sendAfter).decode(), **fields)
        answer["received"] = base64.b64decode(answer["received"])
        return answer

    def udp(self, client, address, send, **fields):
        answer = self.ask("POST", f"/clients/{client}/udp", address=address, send=base64.b64encode(send).decode(),
                          **fields)
        answer["received"] = [base64.b64decode(datagram) for datagram in answer["received"]]
        return answer

    def set_control(self, **fields):
        self.ask("POST", "/control", **fields)

    def complete_auth(self, url):
        self.ask("POST", "/control/complete-auth", url=url)

    def set_identity(self, node, **fields):
        self.ask("POST", f"/control/nodes/{node}/identity", **fields)

    def host_service(self, node, service, address):
        """Lets a node, which is tagged from then on, host a service at an address that clients have a route to."""
        self.ask("POST", f"/control/nodes/{node}/services", service=service, address=address)

    def expire(self, node):
        self.ask("POST", f"/control/nodes/{node}/expire")

    def renew(self, node):
        """The new key of a node that has logged in with an auth key is as old as the one before until this."""
        self.ask("POST", f"/control/nodes/{node}/renew")


class Tailscaled:
    """The real daemon, logged in to the tailnet; its LocalAPI is at `socket`.

    With a `tun` ("tailscale0") the namespace has its addresses; without, userspace networking keeps them to itself.
    """

    def __init__(self, net, hostname, *up_arguments, tun=None):
        self.directory = Path(tempfile.mkdtemp(prefix="tailscaled-"))
        self.socket = self.directory / "tailscaled.sock"
        self.environment = net.environment()
        with open(self.directory / "log", "w") as log:
            self.process = subprocess.Popen(
                [BIN / "tailscaled", f"--tun={tun or 'userspace-networking'}", "--no-logs-no-support", "--port=0",
                 f"--statedir={self.directory}", f"--socket={self.socket}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        deadline = time.monotonic() + PATIENCE
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "log").read_text())
            time.sleep(0.02)
        if tun:
            up_arguments = ("--netfilter-mode=off", *up_arguments)
        self.cli("up", f"--login-server={net.control}", f"--hostname={hostname}", "--timeout=20s", *up_arguments)

    def cli(self, *arguments):
        done = subprocess.run([BIN / "tailscale", f"--socket={self.socket}", *arguments], env=self.environment,
                              capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise RuntimeError(f"tailscale {arguments}: {done.stderr}")
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.directory, ignore_errors=True)
