"""What is run for UDP, and the table of each. Datagrams may be lost, so how many were is told with every load."""

import contextlib
import resource
from dataclasses import dataclass

import backends
import measure
import table
from bench import LOAD_CORE
from processes import free_ports, has_udp
from proxies import TITLES

BYTES = 100
TRAIN_BYTES = 1200
CLIENTS = 1000
SESSIONS = 100_000
SESSIONS_SECONDS = 60  # at the most
ROUND_TRIPS_A_SECOND = 20_000
TRAIN_DATAGRAMS_A_SECOND = 50_000
ROOM = 4096  # for sessions, where their number is not the point
# What a process needs besides the sockets of its sessions.
OTHER_FILES, OTHER_PORTS = 256, 1024


@dataclass(frozen=True)
class Load:
    program: str
    arguments: tuple  # after the port


def tables(bench):
    rate = bench.args.rate or ROUND_TRIPS_A_SECOND
    train_rate = bench.args.rate or TRAIN_DATAGRAMS_A_SECOND
    # One port for all rounds, and for all proxies: their sessions of an earlier round go on.
    own_port = free_ports(1)[0]

    def train(direction):
        return Load("bench_udp_train", (train_rate, bench.seconds, TRAIN_BYTES, direction))

    return {
        "UDP round trips, CPU microseconds each": {
            f"{BYTES} B, 64 clients, one outstanding each": Load("bench_udp_ping", (64, bench.seconds, BYTES)),
            f"{BYTES} B, {CLIENTS:,} clients, {rate:,} a second": Load(
                "bench_udp_clients", (CLIENTS, own_port, rate, bench.seconds, BYTES)),
        },
        f"UDP trains, CPU microseconds a datagram of {TRAIN_BYTES:,} B": {
            f"to the target, {train_rate:,} a second": train("up"),
            f"to the client, {train_rate:,} a second": train("down"),
        },
    }


def once(bench, proxy, load):
    argv = [bench.path(load.program), str(proxy.port), *map(str, load.arguments)]
    return measure.cpu_of_each(proxy, argv, LOAD_CORE, bench.seconds)


def lost(runs):
    """Of all the runs: their median would hide the one in which it happened."""
    sent, gone = (sum(run[key] for run in runs) for key in ("sent", "lost"))
    return f"{gone:,} of {sent:,}"


def print_losses(names, rows):
    print("Lost datagrams, or their answers, in all rounds:\n")
    table.header("load", *(TITLES[name] for name in names))
    for row, values in rows.items():
        table.row([row, *(lost(values[name]) for name in names)])
    print()


def loads(bench):
    wanted = {title: bench.wanted_rows(title, rows) for title, rows in tables(bench).items()}
    wanted = {title: rows for title, rows in wanted.items() if rows}
    programs = {"bench_udp_backend", *(load.program for rows in wanted.values() for load in rows.values())}
    if not wanted or not all(bench.tool(program, "UDP") for program in sorted(programs)):
        return
    losses = {}
    with contextlib.ExitStack() as stack:
        server = backends.start_server(bench.path("bench_udp_backend"), LOAD_CORE, has_udp)
        started = bench.start(stack, bench.started(stack, server), sessions=ROOM)
        for title, rows in wanted.items():
            print(f"{title}:\n")
            out = table.Comparison("load", bench.names, digits=2)
            for row, load in rows.items():
                values = measure.interleaved(bench.rounds, bench.names,
                                             lambda name, of=load: once(bench, started[name], of))
                out.add(row, {name: got["cpu"] for name, got in measure.medians(values).items()})
                losses[row] = values
            print()
    print_losses(bench.names, losses)


def sessions_that_fit():
    """For a proxy that has a socket of its own for each session, and why not more."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        first, last = map(int, f.read().split())
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return min((files - OTHER_FILES, f"the limit of open files is {files:,}"),
               (last - first + 1 - OTHER_PORTS, f"there are {last - first + 1:,} local ports"))


def how_many_sessions(bench):
    if bench.args.sessions:
        return bench.args.sessions
    fit, why = sessions_that_fit()
    if fit < SESSIONS:
        print(f"Of {SESSIONS:,} UDP sessions {fit:,} fit: {why}.\n", flush=True)
    return min(fit, SESSIONS)


def sessions(bench):
    title = "UDP sessions"
    if not bench.wanted(title):
        return
    if not all(bench.tool(program, title) for program in ("bench_udp_backend", "bench_udp_sessions")):
        return
    count = how_many_sessions(bench)

    def make(proxy, number):
        argv = [bench.path("bench_udp_sessions"), str(proxy.port), str(number), str(SESSIONS_SECONDS), str(BYTES)]
        return measure.cpu_of_each(proxy, argv, LOAD_CORE, SESSIONS_SECONDS)

    def fresh(name):
        # A fresh process each time: memory that an earlier load has left would be used again.
        with contextlib.ExitStack() as own:
            proxy = bench.start(own, targets, [name], sessions=count)[name]
            make(proxy, 1)  # the first one brings in code
            before = proxy.resident_bytes()
            told = make(proxy, count)
            after = proxy.resident_bytes()
            return {**told, "grown": (after - before) / told["done"], "whole": after / told["done"]}

    with contextlib.ExitStack() as stack:
        server = backends.start_server(bench.path("bench_udp_backend"), LOAD_CORE, has_udp)
        targets = bench.started(stack, server)
        values = measure.interleaved(bench.rounds, bench.names, fresh)
        got = measure.medians(values)
        print(f"{title}, {count:,} clients with one datagram of {BYTES} B and its answer each:\n")
        out = table.Comparison("a session", bench.names)
        for row, key in (("CPU microseconds", "cpu"), ("resident bytes by which the process has grown", "grown"),
                         ("resident bytes of the whole process", "whole")):
            out.add(row, {name: of[key] for name, of in got.items()})
        print()
        print_losses(bench.names, {title: values})


SUITES = (loads, sessions)
