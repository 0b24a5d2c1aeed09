"""What is run for HTTP, and the table of each."""

import contextlib
from dataclasses import dataclass

import backends
import measure
import table
from bench import ALL_CORES, LOAD_CORE, PROXY_CORE
from proxies import TITLES

TARGETS = 3
MANY_TARGETS = 1000
WEBSOCKET_BYTES = 32
CONNECTIONS = 64


@dataclass(frozen=True)
class Load:
    path: str
    connections: int
    close: bool = False
    scheme: str = "http"


SMALL = Load("/100", CONNECTIONS)

LOADS = {
    "100 B keep-alive, 8 connections": Load("/100", 8),
    "100 B keep-alive, 64 connections": SMALL,
    "100 B keep-alive, 512 connections": Load("/100", 512),
    "10 KiB keep-alive, 64 connections": Load("/10k", 64),
    "1 MiB keep-alive, 16 connections": Load("/1m", 16),
    "100 B connection: close, 64 connections": Load("/100", 64, close=True),
}


def start_backend(bench, stack, cores, count):
    return bench.started(stack, backends.start_http(bench.fleet.folder, cores, count))


def cpu(bench):
    loads = {title: load for title, load in LOADS.items() if bench.wanted(title)}
    if not loads:
        return
    with contextlib.ExitStack() as stack:
        targets = start_backend(bench, stack, LOAD_CORE, TARGETS)
        started = bench.start(stack, targets)
        print("CPU microseconds a request:\n")
        out = table.Comparison("load", bench.names)
        for title, load in loads.items():
            out.add(title, bench.medians(
                bench.names, lambda name: measure.cpu_a_request(started[name], load, LOAD_CORE, bench.seconds)))
        print()


def latency(bench):
    title = "Latency"
    if not bench.wanted(title):
        return
    program = bench.tool("bench_open_loop", title)
    if program is None:
        return
    with contextlib.ExitStack() as stack:
        targets = start_backend(bench, stack, LOAD_CORE, TARGETS)
        started = bench.start(stack, targets)
        rate = bench.args.rate or int(0.5 * min(
            measure.wrk(started[name], SMALL, LOAD_CORE, bench.seconds)[1] for name in bench.names))
        got = bench.medians(bench.names, lambda name: measure.latency(
            started[name], program, SMALL.path, LOAD_CORE, CONNECTIONS, rate, bench.seconds))
        print(f"{title} in microseconds, 100 B keep-alive, {CONNECTIONS} connections, {rate:,} requests a second for "
              "each, counted from when a request was due:\n")
        table.header("percentile", *(TITLES[name] for name in bench.names))
        for percentile in ("p50", "p99", "p99.9"):
            table.row([percentile, *(f"{got[name][percentile]:,.0f}" for name in bench.names)])
        print()


# One of five targets takes ten times as long: examples/scenarios/slow-replica.json, on real sockets.
UNEVEN_MS = (10, 10, 100, 10, 10)
UNEVEN_RATE = 400


def uneven(bench):
    title = "One of five targets ten times slower"
    if not bench.wanted(title):
        return
    program = bench.tool("bench_open_loop", title)
    if program is None:
        return
    columns = [("evenkeel", strategy) for strategy in ("ewma", "p2c", "hotcold", "leastconn") if "evenkeel" in bench.names]
    columns += [(name, "leastconn") for name in bench.names if name not in ("evenkeel", "other", "floor")]
    with contextlib.ExitStack() as stack:
        targets = bench.started(stack, backends.start_uneven(LOAD_CORE, 32, 0.4, UNEVEN_MS))
        started = {}
        for name, strategy in columns:
            started[name, strategy] = bench.fleet.start(name, targets, PROXY_CORE, strategy=strategy)
            stack.callback(started[name, strategy].stop)
        rate = bench.args.rate or UNEVEN_RATE
        got = bench.medians(columns, lambda column: measure.latency(
            started[column], program, "/", LOAD_CORE, 4 * CONNECTIONS, rate, bench.seconds))
        print(f"{title}: latency in milliseconds, {rate} requests a second, counted from when each was due:\n")
        table.header("percentile", *(f"{TITLES[name]} {strategy}" for name, strategy in columns))
        for percentile in ("p50", "p99", "p99.9"):
            table.row([percentile, *(f"{got[column][percentile] / 1000:,.1f}" for column in columns)])
        print()


def memory(bench):
    title = "Memory"
    if not bench.wanted(title):
        return

    def once(name):
        # A fresh process each time: memory that an earlier load has left would be used again.
        with contextlib.ExitStack() as own:
            proxy = bench.start(own, targets, [name])[name]
            return measure.bytes_an_idle_connection(proxy, SMALL.path)

    with contextlib.ExitStack() as stack:
        targets = start_backend(bench, stack, LOAD_CORE, TARGETS)
        got = bench.medians(bench.names, once)
        print(f"{title}, resident bytes an idle client connection, of {measure.IDLE_CONNECTIONS:,}:\n")
        table.Comparison("", bench.names, digits=0).add("after one request each", got)
        print()


def workers(bench):
    title = "Workers"
    names = [name for name in ("evenkeel", "other") if name in bench.names]
    if not bench.wanted(title) or not names:
        return
    with contextlib.ExitStack() as stack:
        # Two workers need both cores, so everything may use both, and with one worker too.
        targets = start_backend(bench, stack, ALL_CORES, TARGETS)
        started = {(name, count): bench.start(stack, targets, [name], ALL_CORES, count)[name]
                   for name in names for count in (1, 2)}
        got = bench.medians(
            started, lambda key: measure.cpu_a_request(started[key], SMALL, ALL_CORES, bench.seconds))
        print(f"{title}, CPU microseconds a request, 100 B keep-alive, {CONNECTIONS} connections, nothing pinned:\n")
        table.header("", "1 worker", "2 workers", "2 workers/1 worker")
        for name in names:
            one, two = got[name, 1], got[name, 2]
            table.row([TITLES[name], f"{one:.1f}", f"{two:.1f}", table.ratio(two, one)])
        print()


def many_targets(bench):
    title = "1,000 targets"
    if not bench.wanted(title):
        return
    with contextlib.ExitStack() as stack:
        targets = start_backend(bench, stack, LOAD_CORE, MANY_TARGETS)
        started = {}
        for count in (TARGETS, MANY_TARGETS):
            for name, proxy in bench.start(stack, targets[:count]).items():
                started[name, count] = proxy

        def once(key):
            # Connections to the targets may have timed out since the last round: opening them is not the point.
            measure.wrk(started[key], SMALL, LOAD_CORE, 1)
            return measure.cpu_a_request(started[key], SMALL, LOAD_CORE, bench.seconds)

        order = [(name, count) for name in bench.names for count in (TARGETS, MANY_TARGETS)]
        got = bench.medians(order, once)
        print(f"{title}, CPU microseconds a request, 100 B keep-alive, {CONNECTIONS} connections:\n")
        table.header("targets", *(TITLES[name] for name in bench.names))
        for count in (TARGETS, MANY_TARGETS):
            table.row([f"{count:,}", *(f"{got[name, count]:.1f}" for name in bench.names)])
        table.row([f"{MANY_TARGETS:,}/{TARGETS}",
                   *(table.ratio(got[name, MANY_TARGETS], got[name, TARGETS]) for name in bench.names)])
        print()


def websocket(bench):
    title = "WebSocket"
    if not bench.wanted(title):
        return
    echo, ping = bench.tool("bench_ws_echo", title), bench.tool("bench_ws_ping", title)
    if echo is None or ping is None:
        return
    with contextlib.ExitStack() as stack:
        targets = bench.started(stack, backends.start_server(echo, LOAD_CORE))
        started = bench.start(stack, targets)
        got = bench.medians(bench.names, lambda name: measure.cpu_a_message(
            started[name], ping, LOAD_CORE, CONNECTIONS, bench.seconds, WEBSOCKET_BYTES))
        print(f"{title}, CPU microseconds an echoed frame (there and back):\n")
        table.Comparison("load", bench.names).add(f"{WEBSOCKET_BYTES} B frames, {CONNECTIONS} connections", got)
        print()


SUITES = (cpu, many_targets, websocket, workers, latency, uneven, memory)
