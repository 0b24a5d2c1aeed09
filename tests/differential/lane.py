"""Sends deliveries through evenkeel to one target, one after the other, and judges each answer at once.

The tail of one request on an upstream connection is the head of the next, so the order of things is the test:
the delivery, a request behind it on the same client connection, then one of a stranger, who gets the same
connection to the target.
"""

import json
import re
import traceback
from dataclasses import dataclass, field
from hashlib import sha256

from client import BadResponse, Client
from reading import Reading, read_stream

PATIENCE = 15
ENOUGH = 20  # disagreements, after which a lane ends


@dataclass
class Result:
    """What a delivery came to."""

    delivery: object
    reading: Reading
    expected: list = field(default_factory=list)  # the requests that must reach the target, in order
    answered: int = 0  # with 200
    problems: list = field(default_factory=list)


class Lane:
    def __init__(self, target, port, barrier_port, deliveries):
        self.target = target
        self.port = port
        self.deliveries = deliveries
        self.results = []
        self.failure = ""  # why it could not go on
        self.last = None  # connection and sequence of the last request, None when that connection may be gone
        self.connections = set()
        self.barrier = Client(barrier_port, timeout=PATIENCE)
        self.stranger = self.connect()
        self.next_client = self.connect()

    def connect(self):
        return Client(self.port, timeout=PATIENCE)

    def run(self):
        try:
            self.exchange(self.stranger, self.deliveries[0].first(), Result(None, None))
            failed = 0
            for delivery in self.deliveries:
                self.results.append(self.deliver(delivery))
                failed += bool(self.results[-1].problems)
                if failed == ENOUGH:
                    self.failure = "too many disagreements"
                    break
        except Exception:
            self.failure = traceback.format_exc()
        finally:
            for client in (self.barrier, self.stranger, self.next_client):
                client.close()

    def deliver(self, delivery):
        result = Result(delivery, read_stream(delivery.stream))
        with self.next_client as client:
            if not self.attempt(self.converse, client, result):
                self.last = None
        # Opened now, so that the proxy has accepted it by the time the stranger is answered, and the first
        # segment that is sent on it is read before the second one comes.
        self.next_client = self.connect()
        if not self.attempt(self.exchange, self.stranger, delivery.fresh(), result):
            self.stranger.close()
            self.stranger = self.connect()
        return result

    @staticmethod
    def attempt(step, *args):
        try:
            step(*args)
            return True
        except (OSError, EOFError, BadResponse, AssertionError, ValueError) as error:
            args[-1].problems.append(f"the client got no right answer: {error!r}")
            return False

    def converse(self, client, result):
        self.send(client, result.delivery)
        reading = result.reading
        for request in reading.requests:
            self.read_answer(client, request, result)
        if reading.end != "open":
            self.read_end(client, result)
        elif result.delivery.mode == "split":
            self.exchange(client, result.delivery.after(), result)

    def send(self, client, delivery):
        try:
            for index, part in enumerate(delivery.parts):
                if index:
                    self.wait_for_proxy()
                client.send(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before everything was sent: the answer is what counts

    def wait_for_proxy(self):
        """Until it has read what it was sent before: its one loop takes events in their order."""
        self.barrier.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        if self.barrier.read_response().status != 301:
            raise BadResponse("the barrier did not answer 301")

    def read_end(self, client, result):
        """What comes after the answers to the requests: one refusal, or nothing."""
        reading = result.reading
        if reading.end == "cut":
            client.half_close()
        rest = client.read_to_end()
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", rest)]
        if reading.partial:
            self.last = None
            statuses = [status for status in statuses if status != 100]  # the target asked for the body
        right = len(statuses) == 1 and statuses[0] in reading.statuses if reading.end == "refused" else not statuses
        if not right:
            result.problems.append(f"after the answers it should be {reading.end} {sorted(reading.statuses)}, "
                                   f"but the client got {rest!r}")

    def exchange(self, client, data, result):
        client.send(data)
        [request] = read_stream(data).requests
        self.read_answer(client, request, result)

    def read_answer(self, client, request, result):
        """The next response, which must be that to `request`, as the target must have understood it."""
        result.expected.append(request)
        response = client.read_response(request.method)
        if response.status != 200:
            result.problems.append(f"{response.status} for {request.method} {request.target}: {response.body!r}")
            self.last = None
            return
        result.answered += 1
        seen = json.loads(response.get("x-seen", "null"))
        if seen is None or (request.method != "HEAD" and json.loads(response.body) != seen):
            result.problems.append(f"not the target's answer: {response.fields} {response.body!r}")
            return
        result.problems += differences(request, seen)
        self.check_connection(seen["connection"], seen["sequence"], result)

    def check_connection(self, connection, sequence, result):
        """Each request is the next on the connection of the one before, unless that was cut."""
        if self.last is not None and (connection, sequence) != (self.last[0], self.last[1] + 1):
            result.problems.append(f"request {sequence} of connection {connection} followed {self.last}")
        if connection not in self.connections and sequence != 1:
            result.problems.append(f"the new connection {connection} began with request {sequence}")
        self.connections.add(connection)
        self.last = (connection, sequence)


def differences(request, seen):
    """What the target's understanding of a request has that is not so."""
    right = {"method": request.method, "target": request.target, "framing": request.framing,
             "length": len(request.body), "sha256": sha256(request.body).hexdigest()}
    if request.host:  # else the proxy made one
        right["host"] = request.host
    found = {**seen, "host": seen.get("host", "").strip(" \t")}  # not every server strips a value
    return [f"{request.target}: {key} is {value!r}, the target saw {found.get(key)!r}"
            for key, value in right.items() if found.get(key) != value]
