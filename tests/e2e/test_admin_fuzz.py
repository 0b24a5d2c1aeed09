"""The admin API under requests that are nearly right: none of them harms the process, none gets past the token, and
what is answered is an answer. The seed is in the output, EVENKEEL_FUZZ_SEED sets it."""

import json
import os
import random
import socket

import harness
from backends import Backend, serve
from client import LOOPBACK
from harness import main, port_of
from processes import free_port
from test_admin import TOKEN, AdminCase

ROUNDS = 20_000 if harness.FULL else 3_000
# Some add targets: nobody is asked where they are, and no request is sent to them.
WITHOUT_DNS = {"discovery": {"dns": False}}
STATUSES = {200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 411, 413, 414, 415, 417, 422, 431, 501, 505}
TOKENS = [b"\0", b"\r\n", b"\n", b" ", b"%", b"%00", b"%2f", b"..", b"//", b"\xff\xfe", b"\xed\xa0\x80", b"{", b"}", b"[" * 500,
          b'"', b"\\u0000", b"\\ud800", b"1e999", b"-1", b"18446744073709551616", b"null", b"true", b"A" * 9_000,
          b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: evil\r\n", b"Authorization: Bearer x\r\n",
          b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"?id=", b"&id=", b"HTTP/1.0", b"HTTP/2.0"]


def request(method, path, body=None, fields=()):
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join([*lines, "", ""]).encode() + data


def mutated(chance, seeds):
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0:
            data[at:at] = chance.choice(TOKENS)
        elif kind == 1:
            del data[at:at + chance.choice((1, 2, 8, 64))]
        elif kind == 2 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 3:
            other = chance.choice(seeds)
            data[at:] = other[chance.randrange(len(other)):]
        elif kind == 4:
            end = at + chance.choice((1, 4, 32))
            data[at:at] = data[at:end] * chance.choice((1, 50))
        else:
            data += chance.choice(seeds)
        if not data:
            data += b"G"
    return bytes(data)


def answers(data):
    """The statuses of the responses in these bytes; AssertionError when they are not responses, whole, one after another."""
    found = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        assert end and head.startswith(b"HTTP/1.1 "), data[:200]
        status = int(head[9:12])
        lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if status == 100:
            data = rest
            continue
        assert len(lengths) == 1 and len(rest) >= lengths[0], data[:200]
        found.append(status)
        data = rest[lengths[0]:]
    return found


def exchange(where, data):
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(20)
        client.connect(where)
        received = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while block := client.recv(65536):
                received += block
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough; what was answered may be lost with the rest
        else:
            return answers(received), received
        return [], received


class Fuzzed(AdminCase):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("EVENKEEL_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
        self.chance = random.Random(self.seed)
        self.backend = self.using(Backend(serve()))
        self.port = port_of([self.backend])

    def seeds(self, fields=()):
        path = self.targets_path(self.port)
        ours = self.targets_path(self.port, self.backend.url)
        return [request("GET", "/v1/status", fields=fields), request("GET", "/metrics", fields=fields), request("GET", "/", fields=fields),
                request("GET", path.removesuffix("/targets"), fields=fields),
                request("PATCH", path.removesuffix("/targets"), {"strategy": "leastconn"}, fields),
                request("POST", path, {"url": "http://127.0.0.1:9", "weight": 2, "tier": 0}, fields),
                request("PATCH", ours, {"state": "enabled", "weight": 2, "deadline_ms": 30000}, fields),
                request("DELETE", path + "?id=http%3A%2F%2F127.0.0.1%3A9", fields=fields)]

    def run_rounds(self, where, seeds, allowed, secrets=()):
        seen = {}
        for turn in range(ROUNDS):
            data = mutated(self.chance, seeds)
            with self.subTest(seed=self.seed, turn=turn):
                statuses, received = exchange(where, data)
                for secret in secrets:
                    self.assertNotIn(secret, received)
                for status in statuses:
                    self.assertIn(status, allowed, data)
                    seen[status] = seen.get(status, 0) + 1
        return seen

    def test_requests_that_are_nearly_right(self):
        self.begin(self.port, settings=WITHOUT_DNS)
        seen = self.run_rounds(self.path, self.seeds(), STATUSES)
        # Some were right all the same, others were judged by the API and not only by the reader of heads.
        self.assertTrue({200, 400, 404} <= seen.keys(), seen)
        self.assertEqual(self.status()["pid"], self.proxy.pid)

    def test_without_the_token_nothing_is_told_or_changed(self):
        place = free_port()
        self.begin(self.port, admin={"listen": f"{LOOPBACK}:{place}", "token": "env:EVENKEEL_FUZZ_TOKEN"},
                   settings=WITHOUT_DNS, env={"EVENKEEL_FUZZ_TOKEN": TOKEN})
        self.proxy.wait_event("admin_listening", address=f"{LOOPBACK}:{place}")
        before = self.settings()
        # The page itself holds nothing; everything else wants the token.
        page = request("GET", "/")
        seeds = [each for each in self.seeds() + self.seeds(["Authorization: Bearer wrong"]) if not each.startswith(page[:6])]
        self.run_rounds((LOOPBACK, place), seeds, STATUSES - {201, 202, 204},
                        [b'"pid"', b"evenkeel_requests_total", b"127.0.0.1:%d" % self.backend.port])
        self.assertEqual(self.settings(), before)

    def settings(self):
        return [(each["strategy"], [(target["id"], target["state"], target["weight"]) for target in each["targets"]])
                for each in self.status()["ports"]]


if __name__ == "__main__":
    main()
