"""UDP as the tests need it: targets in a process of their own, clients with any address of 127.0.0.0/8,
and what the kernel says of sockets.

As a command it is the targets: datagrams.py COUNT prints a port for each, then answers until it is ended.
"""

import os
import select
import socket
import struct
import subprocess
import sys

from processes import end_process, wait_for

LOOPBACK = "127.0.0.1"
LARGEST = 65_507
IP_PKTINFO = 8  # <linux/in.h>; the socket module of Python 3.11 does not have it
PKTINFO = struct.Struct("=I4s4s")
QUESTION, ANSWER = b"?", b"!"


def free_port():
    """Free for TCP and for UDP."""
    for _ in range(100):
        with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            stream.bind((LOOPBACK, 0))
            try:
                datagram.bind(stream.getsockname())
            except OSError:
                continue
            return stream.getsockname()[1]
    raise AssertionError("no port is free for both")


def free_ports(count):
    """The first of `count` UDP ports in a row."""
    for first in range(20_000, 32_000, count):
        opened = []
        try:
            for port in range(first, first + count):
                opened.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                opened[-1].bind((LOOPBACK, port))
            return first
        except OSError:
            pass
        finally:
            for one in opened:
                one.close()
    raise AssertionError(f"no {count} ports in a row are free")


# --- targets ---
class Targets:
    """Each sends back what it gets. When that begins with "?", the first four bytes become "!", the
    number of the target, and the port it came from: who answered, and over which session."""

    def __init__(self, count=1, first=0):
        self.process = subprocess.Popen([sys.executable, __file__, str(count), str(first)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        self.ports = [int(self.process.stdout.readline()) for _ in range(count)]

    @property
    def urls(self):
        return [f"udp://{LOOPBACK}:{port}" for port in self.ports]

    def close(self):
        end_process(self.process)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def serve(count, first):
    poll = select.epoll()
    targets = {}
    for number in range(count):
        target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        target.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        target.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        target.bind((LOOPBACK, first + number if first else 0))
        target.setblocking(False)
        poll.register(target, select.EPOLLIN)
        targets[target.fileno()] = (target, number)
        print(target.getsockname()[1], flush=True)
    while True:
        for descriptor, _ in poll.poll():
            target, number = targets[descriptor]
            try:
                for _ in range(64):
                    data, source = target.recvfrom(65_536)
                    if data[:1] == QUESTION and len(data) >= 4:
                        data = ANSWER + struct.pack(">BH", number, source[1]) + data[4:]
                    target.sendto(data, source)
            except OSError:
                pass  # nothing more; or an ICMP error of a session that has ended meanwhile


# --- clients ---
class AnyAddress:
    """One socket that sends as any address of 127.0.0.0/8, and says at which of them an answer arrived."""

    def __init__(self, port, host=LOOPBACK):
        self.proxy = (host, port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self.socket.bind(("0.0.0.0", 0))
        self.socket.settimeout(2)

    def send(self, source, data):
        info = PKTINFO.pack(0, socket.inet_aton(source), b"\0\0\0\0")
        self.socket.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, self.proxy)

    def receive(self):
        """(the address it was sent to, data, from where)."""
        data, extra, _, sender = self.socket.recvmsg(65_536, 256)
        for level, kind, value in extra:
            if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
                return socket.inet_ntoa(PKTINFO.unpack(value[:PKTINFO.size])[2]), data, sender
        raise AssertionError("no IP_PKTINFO")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def who_answers(client):
    """The number of the target, or None."""
    try:
        client.send(b"?abc")
        return client.recv(16)[1]
    except OSError:
        return None


def client_address(number, network=1):
    """A different address of 127.0.0.0/8 for each number below 65,536."""
    return f"127.{network}.{number >> 8}.{number & 255}"


class Session:
    """A client with one address and port: its questions are answered, or socket.timeout."""

    def __init__(self, port, source=LOOPBACK, host=LOOPBACK, timeout=2):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.socket.settimeout(timeout)
        self.socket.bind((source, 0))
        self.socket.connect((host, port))  # from elsewhere nothing is taken
        self.asked = 0

    def ask(self):
        """(the number of the target, the port the session has there)."""
        self.asked += 1
        tag = struct.pack(">I", self.asked)
        self.socket.send(QUESTION + b"\0\0\0" + tag)
        data = self.socket.recv(65_536)
        if data[:1] != ANSWER or data[4:] != tag:
            raise AssertionError(f"not the answer to question {self.asked}: {data[:64]}")
        return struct.unpack(">BH", data[1:4])

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# --- what the kernel says ---
class SocketRow:
    def __init__(self, line):
        fields = line.split()
        self.port = int(fields[1].rpartition(":")[2], 16)
        self.queued = int(fields[4].rpartition(":")[2], 16)  # bytes not read yet
        self.inode = int(fields[9])
        self.drops = int(fields[12])  # datagrams for which its buffer had no room


def udp_sockets():
    with open("/proc/net/udp", encoding="ascii") as table:
        return [SocketRow(line) for line in table.readlines()[1:]]


def drops_at(*ports):
    return sum(row.drops for row in udp_sockets() if row.port in ports)


def drops_of_process(pid):
    """Over all its UDP sockets: what the kernel had no room for before the process could read it."""
    inodes = set()
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            name = os.readlink(f"/proc/{pid}/fd/{entry}")
        except FileNotFoundError:
            continue
        if name.startswith("socket:["):
            inodes.add(int(name[8:-1]))
    return sum(row.drops for row in udp_sockets() if row.inode in inodes)


def wait_until_read(port):
    """Until nothing waits in the buffers of the sockets of this port."""
    wait_for(lambda: not any(row.queued for row in udp_sockets() if row.port == port), f"port {port} is read")


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
