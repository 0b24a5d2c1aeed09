"""One measurement of one proxy each. All return numbers; what went wrong under way goes to standard error."""

import json
import socket
import statistics
import subprocess
import sys
import time

IDLE_CONNECTIONS = 2000
GRACE = 20  # seconds that a load generator may take longer than it was told
verbose = False  # whether each run is told, not only the medians


def warn(name, text):
    print(f"  {name}: {text}", file=sys.stderr, flush=True)


def run(proxy, argv, cores, seconds):
    done = subprocess.run(["taskset", "-c", cores, *argv], capture_output=True, text=True, timeout=seconds + GRACE,
                          check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or done.returncode
        raise SystemExit(f"{argv[0]} on {proxy.name} ({proxy.state()}): {said}")
    return done.stdout


def interleaved(rounds, names, once):
    """once(name) for A B C A B C ...; returns the values of each."""
    values = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            values[name].append(once(name))
    return values


def medians(values):
    """The median of each name's numbers, or key by key where they are dicts of numbers."""
    def median(of):
        if isinstance(of[0], dict):
            return {key: statistics.median(one[key] for one in of) for key in of[0]}
        return statistics.median(of)
    return {name: median(of) for name, of in values.items()}


def wrk(proxy, load, cores, seconds):
    """Requests that were answered, and how many a second."""
    argv = ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", f"{load.scheme}://127.0.0.1:{proxy.port}{load.path}"]
    if load.close:
        argv += ["-H", "Connection: close"]
    lines = run(proxy, argv, cores, seconds).splitlines()
    for line in lines:
        if "Non-2xx" in line or "Socket errors" in line:
            warn(proxy.name, line.strip())
    requests = next(int(line.split()[0]) for line in lines if "requests in" in line)
    return requests, next(float(line.split()[1]) for line in lines if line.startswith("Requests/sec"))


def cost(proxy, count):
    """CPU microseconds of the proxy for each of the things that count() did."""
    before, start = proxy.cpu_seconds(), time.monotonic()
    done = count()
    used, took = proxy.cpu_seconds() - before, time.monotonic() - start
    each = used / max(done, 1) * 1e6
    if verbose:
        # A proxy that is not busy all the time finds less to do each time it wakes, and pays for waking.
        warn(proxy.name, f"{each:.1f} us, {done / took:,.0f} a second, {used / took:.0%} of a core")
    return each


def cpu_a_request(proxy, load, cores, seconds):
    return cost(proxy, lambda: wrk(proxy, load, cores, seconds)[0])


def cpu_a_message(proxy, program, cores, connections, seconds, size):
    def count():
        argv = [program, str(proxy.port), str(connections), str(seconds), str(size)]
        told = json.loads(run(proxy, argv, cores, seconds))
        if told["errors"]:
            warn(proxy.name, f"{told['errors']} WebSocket connections failed")
        return told["messages"]
    return cost(proxy, count)


def cpu_of_each(proxy, argv, cores, seconds):
    """CPU microseconds for each thing that a load program says is done; and how many it sent and lost."""
    told = {}

    def count():
        told.update(json.loads(run(proxy, argv, cores, seconds)))
        return told["done"]
    each = cost(proxy, count)
    return {"cpu": each, **{key: told[key] for key in ("done", "sent", "lost", "resumed") if key in told}}


def a_second(told):
    """How many of what a load program has done, as it told, it did a second."""
    told = json.loads(told)
    return told["done"] / told["seconds"]


def latency(proxy, program, path, cores, connections, rate, seconds, tls=False):
    """Percentiles of the latency in microseconds, counted from when each request was due."""
    argv = [program, str(proxy.port), path, str(connections), str(rate), str(seconds), *(["tls"] if tls else [])]
    told = json.loads(run(proxy, argv, cores, seconds))
    if told["errors"]:
        warn(proxy.name, f"{told['errors']} of {told['requests']} requests failed or were not answered")
    return told


def _ask(connection, path):
    """One request, and its whole response."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    got = b""
    while True:
        part = connection.recv(65536)
        if not part:
            raise SystemExit("a connection was closed that should have stayed idle")
        got += part
        head, end, body = got.partition(b"\r\n\r\n")
        if not end:
            continue
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                      if line.startswith(b"content-length:"))
        if len(body) >= length:
            return


def bytes_an_idle_connection(proxy, path, count=IDLE_CONNECTIONS):
    """By how much the resident memory of a fresh proxy grows with each client that asked once and stays."""
    connections = []
    try:
        for i in range(count + 1):
            if i == 1:  # the first one brings in code and the connection to a target
                before = proxy.resident_bytes()
            connections.append(socket.create_connection(("127.0.0.1", proxy.port), 5))
            _ask(connections[-1], path)
        time.sleep(0.5)
        return (proxy.resident_bytes() - before) / count
    finally:
        for connection in connections:
            connection.close()
