"""Ports, waiting without sleeping blindly, and ending what was started."""

import os
import signal
import socket
import subprocess
import time

LOOPBACK = "127.0.0.1"


def free_port(host=LOOPBACK):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def wait_for(condition, what="condition", limit=20.0):
    """Looks until `condition()` is true; AssertionError after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit} s: {what}")
        time.sleep(0.005)


def accepts(port, host=LOOPBACK):
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


def wait_for_port(port, process=None, host=LOOPBACK, limit=20.0):
    def ready():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"exited with {process.returncode} before it listened on {port}")
        return accepts(port, host)

    wait_for(ready, f"port {port} accepts", limit)


def end_process(process, limit=20.0, number=signal.SIGTERM):
    """Asks it to end; kills it, and says so, when it does not. Its exit code."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"pid {process.pid} did not end within {limit} s of signal {number}") from None


def _descriptors(pid):
    """What each of them is."""
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(f"/proc/{pid}/fd/{entry}")
        except FileNotFoundError:
            pass  # closed meanwhile


def open_files(pid):
    """But for what Go's runtime, which is there for nodes, opens for itself when it first needs it: to wait for events,
    and to know how many processors it has."""
    own = ("anon_inode:[eventpoll]", "anon_inode:[eventfd]", "/proc/", "/sys/")
    return sum(not each.startswith(own) for each in _descriptors(pid))


def open_sockets(pid):
    """Without the pipes and files, of which some may be kept for later."""
    return sum(each.startswith("socket:") for each in _descriptors(pid))


def status_bytes(pid, name):
    """One of the sizes in /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name}")


def rss_bytes(pid):
    return status_bytes(pid, "VmRSS")


def peak_rss_bytes(pid):
    """The most it ever was: no need to look at the right moment."""
    return status_bytes(pid, "VmHWM")


def cpu_seconds(pid):
    """User and system time of all its threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
