"""Processes of a comparison: started on given cores, measured by what the kernel counted, ended by their pid."""

import os
import random
import signal
import socket
import subprocess
import tempfile
import time

PAGE = os.sysconf("SC_PAGE_SIZE")


def free_ports(count):
    """Ports that nothing has bound, TCP or UDP, below those that the kernel gives to outgoing connections.

    One of those could be taken by a connection of the load generator before its listener is there.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        end = min(int(f.read().split()[0]), 32768)
    found = []
    for port in random.sample(range(10000, end), end - 10000):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as s:
                    s.bind(("127.0.0.1", port))
        except OSError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise SystemExit(f"there are no {count} free ports between 10000 and {end}")


def accepts_tcp(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def has_udp(port):
    """Whether a UDP socket is bound to it. A datagram to find out would be a session in a proxy's memory."""
    with open("/proc/net/udp") as f:
        return any(line.split()[1].endswith(f":{port:04X}") for line in list(f)[1:])


class Process:
    """A program that listens on `port` of 127.0.0.1, kept on `cores` (as taskset's -c takes them).

    `ready(port)` tells when it does.
    """

    def __init__(self, name, argv, cores, port, env=None, ready=accepts_tcp):
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile()
        # taskset becomes the program: the pid stays.
        self.process = subprocess.Popen(["taskset", "-c", cores, *argv], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, env={**os.environ, **(env or {})})
        try:
            self._wait_until(ready, 15)
        except BaseException:
            self.stop()
            raise

    def _wait_until(self, ready, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if ready(self.port):
                return
            time.sleep(0.05)
        self.log.seek(0)
        said = self.log.read().decode(errors="replace").strip()[-2000:]
        raise SystemExit(f"{self.name} does not listen on 127.0.0.1:{self.port}\n{said}")

    def state(self):
        code = self.process.poll()
        return "still running" if code is None else f"ended with {code}"

    def pids(self):
        """The process and its children (HAProxy or nginx may work in one)."""
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
        """User and system time of every thread. Nanoseconds: finer than the ticks of /proc/PID/stat."""
        total = 0
        for pid in self.pids():
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                        total += int(f.read().split()[0]) / 1e9
            except OSError:
                pass
        return total

    def resident_bytes(self):
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/statm") as f:
                    total += int(f.read().split()[1]) * PAGE
            except OSError:
                pass
        return total

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
