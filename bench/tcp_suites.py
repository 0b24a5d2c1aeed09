"""What is run for TCP, and the table of each."""

import contextlib
from dataclasses import dataclass

import backends
import measure
import table
from bench import LOAD_CORE

BYTES = 100
BULK_SECONDS = 60  # at the most
MS_A_GIB = 1024 / 1000  # of one microsecond a MiB


@dataclass(frozen=True)
class Load:
    program: str
    arguments: tuple  # after the port; "SECONDS" and "MIB" stand for the options
    scale: float = 1


def ping(connections):
    return Load("bench_tcp_ping", (connections, "SECONDS", BYTES))


def connect(together):
    return Load("bench_tcp_connect", (together, "SECONDS", BYTES))


def bulk(connections, direction):
    return Load("bench_tcp_bulk", (connections, "MIB", BULK_SECONDS, direction), MS_A_GIB)


TABLES = {
    "TCP round trips, CPU microseconds each": {
        f"{BYTES} B each way, 8 connections": ping(8),
        f"{BYTES} B each way, 64 connections": ping(64),
    },
    "TCP connections, CPU microseconds each": {
        f"connect, {BYTES} B each way, close, 64 at a time": connect(64),
    },
    "TCP bulk, CPU milliseconds a GiB": {
        "to the client, 1 connection": bulk(1, "down"),
        "to the client, 8 connections": bulk(8, "down"),
        "to the target, 1 connection": bulk(1, "up"),
        "to the target, 8 connections": bulk(8, "up"),
    },
}


def cost(bench, proxy, load):
    values = {"SECONDS": bench.seconds, "MIB": bench.args.mib}
    arguments = [str(values.get(argument, argument)) for argument in load.arguments]
    seconds = BULK_SECONDS if "MIB" in load.arguments else bench.seconds
    argv = [bench.path(load.program), str(proxy.port), *arguments]
    return load.scale * measure.cpu_of_each(proxy, argv, LOAD_CORE, seconds)["cpu"]


def loads(bench):
    wanted = {title: bench.wanted_rows(title, rows) for title, rows in TABLES.items()}
    wanted = {title: rows for title, rows in wanted.items() if rows}
    programs = {"bench_tcp_backend", *(load.program for rows in wanted.values() for load in rows.values())}
    if not wanted or not all(bench.tool(program, "TCP") for program in sorted(programs)):
        return
    with contextlib.ExitStack() as stack:
        server = backends.start_server(bench.path("bench_tcp_backend"), LOAD_CORE)
        started = bench.start(stack, bench.started(stack, server))
        for title, rows in wanted.items():
            print(f"{title}:\n")
            out = table.Comparison("load", bench.names)
            for row, load in rows.items():
                out.add(row, bench.medians(bench.names, lambda name, of=load: cost(bench, started[name], of)))
            print()


SUITES = (loads,)
