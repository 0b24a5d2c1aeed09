"""What is run for HTTPS, and the table of each."""

import contextlib
import subprocess

import https
import measure
import table
from bench import ALL_CORES, LOAD_CORE, PROXY_CORE
from http_suites import TARGETS, Load, start_backend
from proxies import TITLES

PATH = "/100"
TOGETHER = 16  # handshakes under way at once
KEPT_ALIVE = {
    "100 B keep-alive, 8 connections": Load(PATH, 8, scheme="https"),
    "100 B keep-alive, 64 connections": Load(PATH, 64, scheme="https"),
    "1 MiB keep-alive, 16 connections": Load("/1m", 16, scheme="https"),
}
HANDSHAKES = {
    "full, ECDSA P-256": ("ecdsa", "full"),
    "full, RSA 2048": ("rsa", "full"),
    "resumed, ECDSA P-256": ("ecdsa", "resumed"),
}
# Of the suite in which new clients must not starve those that are there.
NEW_A_SECOND, ASKING, ASKED_A_SECOND = 500, 10, 200


def connect(bench, port, count, kind, *rate):
    return [bench.path("bench_tls_connect"), str(port), PATH, str(TOGETHER if not rate else 1000), str(count), kind,
            *map(str, rate)]


def kept_alive(bench):
    title = "TLS, CPU microseconds a request"
    loads = bench.wanted_rows(title, KEPT_ALIVE)
    if not loads or not bench.tool("bench_tls_connect", title):
        return
    with contextlib.ExitStack() as stack:
        targets = start_backend(bench, stack, LOAD_CORE, TARGETS)
        started = bench.start(stack, targets, certificate=https.make_certificate(bench.fleet.folder, "ecdsa"))
        for name in bench.names:
            # wrk does not tell what it has agreed on; it offers the same as this, which checks.
            measure.run(started[name], connect(bench, started[name].port, 1, "full"), LOAD_CORE, bench.seconds)
        print(f"{title}:\n")
        out = table.Comparison("load", bench.names)
        for row, load in loads.items():
            out.add(row, bench.medians(
                bench.names, lambda name, of=load: measure.cpu_a_request(started[name], of, LOAD_CORE, bench.seconds)))
        print()


def handshakes(bench):
    title = "TLS handshakes, CPU microseconds a connection with one request of 100 B"
    loads = bench.wanted_rows(title, HANDSHAKES)
    if not loads or not bench.tool("bench_tls_connect", title):
        return
    with contextlib.ExitStack() as stack:
        targets = start_backend(bench, stack, LOAD_CORE, TARGETS)
        started = {}
        for key in sorted({key for key, _ in loads.values()}):
            certificate = https.make_certificate(bench.fleet.folder, key)
            started[key] = bench.start(stack, targets, certificate=certificate)
        print(f"{title}, {TOGETHER} at a time, {bench.args.handshakes:,} a run:\n")
        out = table.Comparison("handshake", bench.names)
        for row, (key, kind) in loads.items():
            def once(name, of=started[key], kind=kind):
                argv = connect(bench, of[name].port, bench.args.handshakes, kind)
                return measure.cpu_of_each(of[name], argv, LOAD_CORE, 60)["cpu"]
            out.add(row, bench.medians(bench.names, once))
        print()


def latency_under(bench, proxy, program, cores, new_a_second):
    """Percentiles of clients that are there, in microseconds, while so many new ones a second come."""
    load = None
    if new_a_second:
        # Nicer than what measures: it must not take the time that the measuring program needs to look.
        argv = ["taskset", "-c", cores, "nice", *connect(bench, proxy.port, new_a_second * (bench.seconds + 2),
                                                         "full", new_a_second)]
        load = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        got = measure.latency(proxy, program, PATH, cores, ASKING, ASKED_A_SECOND, bench.seconds, tls=True)
        if load is None:
            return got
        told, said = load.communicate(timeout=measure.GRACE + 60)
        if load.returncode != 0:
            raise SystemExit(f"bench_tls_connect on {proxy.name} ({proxy.state()}): {said.strip()}")
    finally:
        if load is not None and load.poll() is None:
            load.kill()
            load.wait()
    return got | {"new": measure.a_second(told)}


def starvation(bench):
    title = "TLS latency under handshakes"
    program = bench.tool("bench_open_loop", title) if bench.wanted(title) else None
    if program is None or not bench.tool("bench_tls_connect", title):
        return
    with contextlib.ExitStack() as stack:
        targets = start_backend(bench, stack, LOAD_CORE, TARGETS)
        certificate = https.make_certificate(bench.fleet.folder, "rsa")
        print(f"{title}, milliseconds: {ASKING} clients that are there ask {ASKED_A_SECOND} times a second together, "
              f"while so many new ones a second come, full handshakes with RSA 2048:\n")
        table.header("proxy", "workers", "new a second", "p50", "p99", "max")
        for workers, cores, load_cores in ((1, PROXY_CORE, LOAD_CORE), (2, ALL_CORES, ALL_CORES)):
            with contextlib.ExitStack() as own:
                started = bench.start(own, targets, cores=cores, workers=workers, certificate=certificate)
                order = [(name, rate) for name in bench.names for rate in (0, NEW_A_SECOND)]
                got = bench.medians(order, lambda key: latency_under(
                    bench, started[key[0]], program, load_cores, key[1]))
                for name, rate in order:
                    one = got[name, rate]
                    table.row([TITLES[name], str(workers), f"{one.get('new', 0):.0f}",
                               *(f"{one[key] / 1000:.2f}" for key in ("p50", "p99", "max"))])
        print()


SUITES = (kept_alive, handshakes, starvation)
