#!/usr/bin/env python3
"""evenkeel beside other proxies, in the same run: what a request, a round trip, a connection, a datagram costs them.

Every proxy runs alone on one core (the load generator and the backends share the other), in front of the same
backends, under the same load. Runs are interleaved (A B C A B C ...); the median of each is printed with
evenkeel's ratio to the others. Absolute figures mean little on a shared machine: quote the ratios.

The cost is CPU time, user and system, of the proxy's process. `--also` puts a second evenkeel beside the first,
as the column "other", to compare two builds. `--proxies evenkeel,floor --only "64 conn"` is a quick look.

Everything stays on 127.0.0.1, is bounded in time, and is ended by its pid.
"""

import argparse
import contextlib
import os
import resource
import shutil
import signal
import sys
import tempfile

import http_suites
import https_suites
import measure
import proxies
import tcp_suites
import udp_suites
from bench import Bench
from fleet import Fleet

SUITES = {"http": http_suites.SUITES, "https": https_suites.SUITES, "tcp": tcp_suites.SUITES,
          "udp": udp_suites.SUITES}
TOOLS = {"http": ("nginx", "wrk", "taskset"), "https": ("nginx", "wrk", "openssl", "taskset"), "tcp": ("taskset",), "udp": ("taskset",)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", default="http", choices=SUITES, help="what to compare (default: http)")
    parser.add_argument("--binary", default="build/release/evenkeel", help="evenkeel")
    parser.add_argument("--also", help='a second evenkeel to compare with: the column "other"')
    parser.add_argument("--floor", help="bench_floor; default: the one in --tools")
    parser.add_argument("--tools", default="build/release", help="folder of bench_open_loop, bench_ws_ping, ...")
    parser.add_argument("--proxies", default=",".join(n for n in proxies.TITLES if n != "other"),
                        help="which to compare (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each; their median counts")
    parser.add_argument("--seconds", type=int, default=3, help="of one run")
    parser.add_argument("--only", default="", help="loads whose row, or tables whose title contains this")
    parser.add_argument("--rate", type=int, help="of open loops, requests or datagrams a second; default for the "
                                                 "latency of http: half of what the slowest proxy can do")
    parser.add_argument("--mib", type=int, default=1024, help="of one bulk run over TCP")
    parser.add_argument("--handshakes", type=int, default=2000, help="of one run over TLS that counts them")
    parser.add_argument("--sessions", type=int, help="of UDP; default: 100,000, or what fits of them")
    parser.add_argument("--verbose", action="store_true",
                        help="each run on standard error, with how busy the proxy was")
    args = parser.parse_args()
    args.proxies = args.proxies.split(",")
    for name in args.proxies:
        if name not in proxies.TITLES:
            parser.error(f'no proxy is called "{name}"; there are {", ".join(proxies.TITLES)}')
    if args.also and "other" not in args.proxies:
        # Right behind evenkeel: what is compared most closely should run closest in time.
        args.proxies.insert(args.proxies.index("evenkeel") + 1 if "evenkeel" in args.proxies else 0, "other")
    if "other" in args.proxies and not args.also:
        parser.error('the proxy "other" is the binary of --also')
    return args


def programs(args):
    known = {"evenkeel": args.binary, "other": args.also, "nginx": "nginx", "haproxy": "haproxy", "caddy": "caddy",
             "floor": args.floor or os.path.join(args.tools, "bench_floor")}
    return {name: known[name] for name in args.proxies}


def main():
    args = arguments()
    for tool in TOOLS[args.kind]:
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed: scripts/install-deps.sh bench")
    measure.verbose = args.verbose
    # Of every process here: a UDP session, for one, takes a descriptor of a proxy.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="evenkeel-bench-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        fleet = Fleet(folder, args.kind, programs(args))
        for name, why in fleet.missing.items():
            print(f"{proxies.TITLES[name]} is left out: {why}\n", flush=True)
        if not fleet.names:
            sys.exit("nothing to compare")
        print(f"Medians of {args.rounds} interleaved runs of {args.seconds} s.\n", flush=True)
        for suite in SUITES[args.kind]:
            suite(Bench(args, fleet))


if __name__ == "__main__":
    main()
