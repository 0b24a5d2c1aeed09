#!/usr/bin/env python3
"""CPU microseconds a request of evenkeel beside nginx and HAProxy, in the same run.

Every proxy runs alone on one core (the load generator and the backend share the other), in front of
the same nginx backends, with the same load. Runs are interleaved (A B C A B C ...); the median of
each is printed with its ratio to the others. Absolute figures mean little on a shared machine: quote
the ratios.

Everything stays on 127.0.0.1, is bounded in time, and is ended by its pid.
"""

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PROXY_CORE, LOAD_CORE = "0", "1"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, deadline=10):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on 127.0.0.1:{port}")


class Process:
    def __init__(self, name, argv, core, port):
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["taskset", "-c", core, *argv], stdout=self.log, stderr=self.log)
        wait_for(port)

    def pids(self):
        """The process and its children (nginx and HAProxy work in a child)."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as f:
                    queue += [int(child) for child in f.read().split()]
            except OSError:
                pass
        return found

    def cpu_seconds(self):
        total = 0
        for pid in self.pids():
            # Nanoseconds on a CPU, of every thread: finer than the ticks of /proc/PID/stat.
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                        total += int(f.read().split()[0]) / 1e9
            except OSError:
                pass
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def nginx_common(folder, name):
    return f"""daemon off; master_process off; worker_processes 1; pid {folder}/{name}.pid;
error_log {folder}/{name}.log; worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
"""


TEMP_PATHS = """client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f;
uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;"""


def start_backend(folder):
    """One nginx that listens on as many ports as there are targets."""
    ports = [free_port() for _ in range(3)]
    www = os.path.join(folder, "www")
    os.makedirs(www, exist_ok=True)
    for name, size in (("100", 100), ("10k", 10 * 1024), ("1m", 1024 * 1024)):
        with open(os.path.join(www, name), "wb") as f:
            f.write(b"x" * size)
    listens = " ".join(f"listen 127.0.0.1:{p} backlog=4096;" for p in ports)
    config = os.path.join(folder, "backend.conf")
    with open(config, "w") as f:
        f.write(nginx_common(folder, "backend") + "http { access_log off; sendfile on; tcp_nopush on;"
                + TEMP_PATHS.format(folder)
                + f"keepalive_requests 100000000; server {{ {listens} root {www}; }} }}\n")
    return Process("backend", ["nginx", "-p", folder, "-c", config], LOAD_CORE, ports[0]), ports


def start_nginx(folder, targets):
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{p};" for p in targets)
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w") as f:
        f.write(nginx_common(folder, "nginx") + "http { access_log off; " + TEMP_PATHS.format(folder)
                + f"""upstream up {{ {servers} keepalive 512; keepalive_requests 100000000; }}
keepalive_requests 100000000;
server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://up; proxy_http_version 1.1;
proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Forwarded-Host $host; }} }} }}
""")
    return Process("nginx", ["nginx", "-p", folder, "-c", config], PROXY_CORE, port)


def start_haproxy(folder, targets):
    port = free_port()
    servers = "\n".join(f"  server s{i} 127.0.0.1:{p}" for i, p in enumerate(targets))
    config = os.path.join(folder, "haproxy.cfg")
    with open(config, "w") as f:
        f.write(f"""global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend f
  bind 127.0.0.1:{port} backlog 4096
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend b
backend b
  balance roundrobin
{servers}
""")
    return Process("haproxy", ["haproxy", "-db", "-f", config], PROXY_CORE, port)


def start_evenkeel(folder, targets, binary):
    port = free_port()
    config = os.path.join(folder, "evenkeel.json")
    urls = ", ".join(f'"http://127.0.0.1:{p}"' for p in targets)
    with open(config, "w") as f:
        f.write(f'{{"proxies": {{"bench": {{"upstream": {{"maxIdle": 512}}, "ports": {{"{port}/http": '
                f'{{"targets": [{urls}]}}}}}}}}}}\n')
    return Process("evenkeel", [binary, "run", config, "--workers", "1"], PROXY_CORE, port)


def load(port, path, connections, seconds, close):
    argv = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if close:
        argv += ["-H", "Connection: close"]
    out = subprocess.run([*argv, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    requests = next(int(line.split()[0]) for line in out.splitlines() if "requests in" in line)
    bad = [line.strip() for line in out.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    return requests, bad


SCENARIOS = {
    "100 B keep-alive, 8 connections": ("/100", 8, False),
    "100 B keep-alive, 64 connections": ("/100", 64, False),
    "100 B keep-alive, 512 connections": ("/100", 512, False),
    "10 KiB keep-alive, 64 connections": ("/10k", 64, False),
    "1 MiB keep-alive, 16 connections": ("/1m", 16, False),
    "100 B connection: close, 64 connections": ("/100", 64, True),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="build/release/evenkeel")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", help="scenarios whose name contains this")
    args = parser.parse_args()
    for tool in ("nginx", "haproxy", "wrk", "taskset"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed (Debian: nginx-light, haproxy, wrk, util-linux)")

    folder = tempfile.mkdtemp(prefix="evenkeel-bench-")
    started = []
    try:
        backend, targets = start_backend(folder)
        started.append(backend)
        proxies = []
        for start in (lambda: start_evenkeel(folder, targets, args.binary), lambda: start_nginx(folder, targets),
                      lambda: start_haproxy(folder, targets)):
            proxies.append(start())
            started.append(proxies[-1])
        print("CPU microseconds a request (user + system of the proxy), median of "
              f"{args.rounds} interleaved runs of {args.seconds} s\n")
        print("| load | evenkeel | nginx | HAProxy | evenkeel / nginx | evenkeel / HAProxy |")
        print("|---|---|---|---|---|---|")
        for name, (path, connections, close) in SCENARIOS.items():
            if args.only and args.only not in name:
                continue
            costs = {p.name: [] for p in proxies}
            for _ in range(args.rounds):
                for proxy in proxies:
                    before = proxy.cpu_seconds()
                    requests, bad = load(proxy.port, path, connections, args.seconds, close)
                    costs[proxy.name].append((proxy.cpu_seconds() - before) / max(requests, 1) * 1e6)
                    for line in bad:
                        print(f"  {proxy.name}: {line}", file=sys.stderr)
            e, n, h = (statistics.median(costs[k]) for k in ("evenkeel", "nginx", "haproxy"))
            print(f"| {name} | {e:.1f} | {n:.1f} | {h:.1f} | {e / n:.2f} | {e / h:.2f} |", flush=True)
    finally:
        for process in reversed(started):
            process.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
